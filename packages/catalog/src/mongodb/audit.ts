import type { Audit, AuditEntry, AuditFact } from '../access.ts';
import { AUDIT_ORIGIN, chain } from '../audit-chain.ts';
import { cursorsOf, pageOf, rowsFor } from '../page.ts';
import type { Database } from './database.ts';
import { is, keyOf, mustBeNumber, recordIn, type Row, text } from './documents.ts';
import { isDuplicate } from './failures.ts';
import { newToken } from './tokens.ts';

/**
 * Entries that were appended together, one after the other. Its key is the sequence of the first: whoever would append
 * to the same end of the log takes the same key, and one of them gets it.
 */
export interface AuditRow extends Row {
  /** The sequence of its last entry. */
  readonly last: number;
  /** The latest time up to its last entry: it rises with the sequence, whosever clock is behind. */
  readonly clock: string;
  /** What a list may ask for, of any of its entries. */
  readonly asked: readonly string[];
  /** The token of the call that made it. */
  readonly creator: string;
}

interface Appending {
  readonly facts: readonly AuditFact[];
  readonly answer: (entries: Promise<readonly AuditEntry[]>) => void;
}

/** What a list asks for. */
interface Asked {
  readonly actor: string | undefined;
  readonly action: string | undefined;
  readonly since: string | undefined;
}

/** So many facts of calls that wait at the same time come into one row. */
const FACTS_A_ROW = 500;

export function mongodbAudit(database: Database): Audit {
  const rows = database.collection<AuditRow>('audit');
  const cursors = cursorsOf('audit', ['number']);
  const waiting: Appending[] = [];
  let busy = false;
  const headRow = () =>
    database.first(rows, { index: '_id_', filter: { _id: { $gt: '' } }, sort: { _id: -1 } });

  return {
    async append(facts) {
      if (facts.length === 0) return [];
      for (const { actor, action, at } of facts) for (const part of [actor, action, at]) text(part);
      return database.whole(async () => {
        const { promise, resolve } = Promise.withResolvers<readonly AuditEntry[]>();
        waiting.push({ facts, answer: resolve });
        if (!busy) void serve();
        return promise;
      });
    },
    async after(sequence, limit) {
      const from = keyFor(mustBeNumber(sequence) + 1);
      return database.call(async () => {
        // The row that holds it begins there or before.
        const first = await database.first(rows, {
          index: '_id_',
          filter: { _id: { $lte: from } },
          sort: { _id: -1 },
        });
        const filter = { _id: { $gte: first?._id ?? '' } };
        const found = await database.find(rows, {
          index: '_id_',
          filter,
          sort: { _id: 1 },
          limit: limit + 1,
        });
        return found
          .flatMap(entriesIn)
          .filter((entry) => entry.sequence > sequence)
          .slice(0, limit);
      });
    },
    async head() {
      const row = await database.call(headRow);
      return row && entriesIn(row).at(-1);
    },
    async list({ actor, action, since, limit, cursor }) {
      const wanted = rowsFor(limit);
      const [before] = cursor === undefined ? [Number.MAX_SAFE_INTEGER] : cursors.decode(cursor);
      const query = { actor, action, since };
      const entries = await database.call(() => newest(query, before, wanted));
      return pageOf(
        entries,
        limit,
        (entry) => entry,
        ({ sequence }) => cursors.encode([sequence]),
      );
    },
  };

  /** Makes rows of what waits, one at a time. Never rejects: a failure belongs to those who asked. */
  async function serve(): Promise<void> {
    busy = true;
    for (let first = waiting.shift(); first !== undefined; first = waiting.shift()) {
      const served = [first];
      let count = first.facts.length;
      while (waiting[0] !== undefined && count + waiting[0].facts.length <= FACTS_A_ROW) {
        count += waiting[0].facts.length;
        served.push(waiting.shift() as Appending);
      }
      const appended = appendRow(served.flatMap(({ facts }) => facts));
      let from = 0;
      for (const { facts, answer } of served) {
        const [begin, end] = [from, from + facts.length];
        answer(appended.then((entries) => entries.slice(begin, end)));
        from = end;
      }
      await appended.catch(() => undefined);
    }
    busy = false;
  }

  function appendRow(facts: readonly AuditFact[]): Promise<readonly AuditEntry[]> {
    const creator = newToken();
    let tried: AuditRow | undefined;
    return database.attempt(async () => {
      for (;;) {
        const head = await headRow();
        if (tried !== undefined && head !== undefined && tried._id <= head._id) {
          // Another was faster, or the answer of an attempt before was lost.
          const there = await rows.findOne({ _id: tried._id });
          if (there?.creator === creator) return entriesIn(there);
        }
        tried = auditRow(chained(head && entriesIn(head).at(-1), facts), head?.clock, creator);
        try {
          await rows.insertOne(tried);
          return entriesIn(tried);
        } catch (error) {
          if (!isDuplicate(error)) throw error;
        }
      }
    });
  }

  /** Entries that a query asks for, below a sequence, the newest first. */
  async function newest(query: Asked, before: number, wanted: number): Promise<AuditEntry[]> {
    const from = query.since === undefined ? '' : await firstSince(query.since);
    if (from === undefined) return [];
    const asked = askedFor(query);
    const found: AuditEntry[] = [];
    for (let below = keyFor(before); ;) {
      const _id = { $gte: from, $lt: below };
      const page = await database.find(rows, {
        ...(asked === undefined
          ? { index: '_id_', filter: { _id } }
          : { index: 'audit_list', filter: { asked: is(asked), _id } }),
        sort: { _id: -1 },
        limit: wanted,
      });
      for (const row of page)
        found.push(
          ...entriesIn(row)
            .filter((entry) => entry.sequence < before && fits(entry, query))
            .toReversed(),
        );
      const last = page.at(-1);
      if (found.length >= wanted || page.length < wanted || last === undefined) return found.slice(0, wanted);
      below = last._id;
    }
  }

  /** The key of the first row that may have an entry of that time or later. */
  async function firstSince(since: string): Promise<string | undefined> {
    const row = await database.first(rows, {
      index: 'audit_clock',
      filter: { clock: { $gte: text(since) } },
      sort: { clock: 1, _id: 1 },
      fields: { _id: 1 },
    });
    return row?._id;
  }
}

/** The row of entries that follow each other. @param clock of the row before */
export function auditRow(entries: readonly AuditEntry[], clock = '', creator: string): AuditRow {
  const [first, last] = [entries[0]?.sequence ?? 0, entries.at(-1)?.sequence ?? 0];
  return {
    _id: keyFor(first),
    last,
    clock: entries.reduce((latest, { at }) => (at > latest ? at : latest), clock),
    asked: [...new Set(entries.flatMap(({ actor, action }) => allAskedFor(actor, action)))],
    creator,
    document: JSON.stringify(entries),
  };
}

export function entriesIn(row: Row): AuditEntry[] {
  return recordIn(row) as AuditEntry[];
}

function chained(former: AuditEntry | undefined, facts: readonly AuditFact[]): AuditEntry[] {
  const entries: AuditEntry[] = [];
  for (const fact of facts) entries.push(chain(entries.at(-1) ?? former ?? AUDIT_ORIGIN, fact));
  return entries;
}

/** A sequence as a text that sorts as it does. */
function keyFor(sequence: number): string {
  return String(sequence).padStart(16, '0');
}

/** What stands in `asked` for a query's actor and action; undefined: it asks for neither. */
function askedFor({ actor, action }: Asked): string | undefined {
  if (actor !== undefined) return action === undefined ? keyOf('actor', actor) : keyOf('both', actor, action);
  return action === undefined ? undefined : keyOf('action', action);
}

function allAskedFor(actor: string, action: string): string[] {
  return [keyOf('actor', actor), keyOf('action', action), keyOf('both', actor, action)];
}

function fits(entry: AuditEntry, { actor, action, since = '' }: Asked): boolean {
  return (
    (actor === undefined || entry.actor === actor) &&
    (action === undefined || entry.action === action) &&
    entry.at >= since
  );
}
