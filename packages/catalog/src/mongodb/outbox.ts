import type { AnyBulkWriteOperation, Collection, Document } from 'mongodb';
import type { Outbox } from '../catalog.ts';
import type { OutboxEvent } from '../records.ts';
import type { Database } from './database.ts';
import { inParts, text } from './documents.ts';
import type { INDEXES } from './indexes.ts';

/** An event that waits, in its record's row. It is never changed, so that it can be taken out by its value. */
interface WaitingEvent {
  readonly id: string;
  /** Milliseconds since 1970 by the catalog's clock; the fraction keeps the order of those of one millisecond. */
  readonly at: number;
  /** The event as JSON. */
  readonly event: string;
}

/** A row that may hold events. */
export interface OutboxRow {
  readonly _id: string;
  readonly outbox?: readonly WaitingEvent[];
  /** When the oldest that waits was stored; absent: none waits. */
  readonly waitingSince?: number;
  /** Counts the writes of the row, those of the outbox too. */
  readonly version: number;
}

/** Nouns whose rows may hold events. */
export const EVENT_NOUNS = ['candidates', 'promotions', 'publications', 'confirmations', 'tasks'] as const;
const KEYS_A_QUERY = 500;
/** By so much events of one millisecond are apart. */
export const STEP_MS = 0.001;

/** What waits, in the rows of the records it follows from. */
export function mongodbOutbox(database: Database): Outbox {
  const rowsOf = (noun: (typeof EVENT_NOUNS)[number]) => database.collection<OutboxRow>(noun);
  const pendingOf = async (noun: (typeof EVENT_NOUNS)[number], upTo: number, limit: number) => {
    const found = await rowsOf(noun)
      .find(
        { waitingSince: { $lt: upTo } },
        {
          hint: `${noun}_outbox` satisfies keyof typeof INDEXES,
          projection: { outbox: 1 },
          readConcern: { level: 'majority' }, // a change that a failover takes back is never told
        },
      )
      .sort({ waitingSince: 1 })
      .limit(limit)
      .toArray();
    return found.flatMap(({ outbox = [] }) => outbox.filter(({ at }) => at < upTo));
  };
  /** Rows, not events: their times stand in the index, and no row is read. */
  const countOf = async (noun: (typeof EVENT_NOUNS)[number], limit: number) => {
    const found = await rowsOf(noun)
      .find(
        { waitingSince: { $gt: 0 } },
        {
          hint: `${noun}_outbox` satisfies keyof typeof INDEXES,
          projection: { _id: 0, waitingSince: 1 },
        },
      )
      .limit(limit)
      .toArray();
    return found.length;
  };

  return {
    async pending(before, limit) {
      const upTo = Date.parse(text(before)) + 1; // to the end of that millisecond
      // The oldest events lie in the rows whose oldest is oldest: so many of each noun are enough.
      const found = await database.call(() =>
        Promise.all(EVENT_NOUNS.map((noun) => pendingOf(noun, upTo, limit))),
      );
      const events = found.flat().toSorted((a, b) => a.at - b.at);
      const firsts = [
        ...new Map(events.toReversed().map((event) => [event.id, event])).values(),
      ].toReversed();
      return firsts.slice(0, limit).map(({ event }) => JSON.parse(event) as OutboxEvent);
    },
    async count(limit) {
      const counts = await database.call(() => Promise.all(EVENT_NOUNS.map((noun) => countOf(noun, limit))));
      return Math.min(
        limit,
        counts.reduce((sum, count) => sum + count, 0),
      );
    },
    async sent(events) {
      const byNoun = Map.groupBy(events, ({ record }) => record.noun);
      await database.whole(async () => {
        for (const noun of EVENT_NOUNS) {
          const ids = new Set(byNoun.get(noun)?.map(({ id }) => id));
          const keys = [...new Set(byNoun.get(noun)?.map(({ record }) => text(record.key)))];
          for (const some of inParts(keys, KEYS_A_QUERY))
            await database.attempt(() => takeOut(rowsOf(noun), some, ids));
        }
      });
    },
  };
}

/** Takes events out of rows; what comes in meanwhile stays. */
async function takeOut(
  rows: Collection<OutboxRow>,
  keys: readonly string[],
  ids: ReadonlySet<string>,
): Promise<void> {
  for (;;) {
    const found = await rows
      .find({ _id: { $in: keys } }, { hint: '_id_', projection: { outbox: 1, version: 1 } })
      .toArray();
    const changed = found
      .map(({ _id, version, outbox = [] }) => ({
        _id,
        version,
        sent: outbox.filter(({ id }) => ids.has(id)),
        left: outbox.filter(({ id }) => !ids.has(id)),
      }))
      .filter(({ sent }) => sent.length > 0);
    if (changed.length === 0) return;
    const updates = [
      ...emptying(changed.filter(({ left }) => left.length === 0)),
      ...changed.flatMap(shortening),
    ];
    const { matchedCount } = await rows.bulkWrite(updates, { ordered: false });
    if (matchedCount === changed.length) return; // else another wrote one of the rows meanwhile
  }
}

interface Changed {
  readonly _id: string;
  readonly version: number;
  readonly sent: readonly WaitingEvent[];
  readonly left: readonly WaitingEvent[];
}
type Update = AnyBulkWriteOperation<OutboxRow>;

/** Most rows have nothing left, and the same few versions: one update for all that have one of them. */
function emptying(rows: readonly Changed[]): Update[] {
  return [...Map.groupBy(rows, ({ version }) => version)].map(([version, some]) => ({
    updateMany: {
      filter: { _id: { $in: some.map(({ _id }) => _id) }, version },
      update: { $unset: { outbox: '', waitingSince: '' }, $inc: { version: 1 } },
    },
  }));
}

function shortening({ _id, version, sent, left }: Changed): Update[] {
  const [oldest] = left;
  if (oldest === undefined) return [];
  const update = { $pullAll: { outbox: sent }, $set: { waitingSince: oldest.at }, $inc: { version: 1 } };
  return [{ updateOne: { filter: { _id, version }, update } }];
}

/** Gives, within `whole`, what a write adds to its update operators, so that its events are stored with it. */
export function eventKeeper(
  database: Database,
): (events: readonly OutboxEvent[]) => Promise<{ readonly $push?: Document; readonly $min?: Document }> {
  let last = 0;
  return async (events) => {
    if (events.length === 0) return {};
    const nowMs = await database.attempt(() => database.clock.nowMs());
    const waiting = events.map((event) => {
      last = Math.max(nowMs, last + STEP_MS);
      return { id: text(event.id), at: last, event: JSON.stringify(event) };
    });
    return {
      $push: { outbox: { $each: waiting } },
      $min: { waitingSince: waiting[0]?.at },
    };
  };
}

/** The fields of a row that is inserted with its events. */
export function withEvents(operators: {
  readonly $push?: Document;
  readonly $min?: Document;
}): Pick<OutboxRow, 'outbox' | 'waitingSince'> {
  if (operators.$push === undefined) return {};
  const { $each } = operators.$push['outbox'] as { $each: WaitingEvent[] };
  return { outbox: $each, waitingSince: operators.$min?.['waitingSince'] as number };
}
