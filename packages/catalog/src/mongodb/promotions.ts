import type { UpdateFilter } from 'mongodb';
import type { Promotions } from '../catalog.ts';
import type { Promotion } from '../records.ts';
import { idTaken } from '../taken.ts';
import type { Database } from './database.ts';
import { placeOf, recordIn, text } from './documents.ts';
import { isDuplicate } from './failures.ts';
import { catchUp, type ListedRow, newestFirst } from './newest-first.ts';
import { eventKeeper, type OutboxRow, withEvents } from './outbox.ts';
import { replaceGuarded } from './guarded.ts';
import { firstWriter, newToken, type TokenRow } from './tokens.ts';

export interface PromotionRow extends ListedRow, OutboxRow, TokenRow {
  readonly revision: number;
  readonly state: string;
  readonly channel: string;
  /** The idempotency key; for a promotion without one, its id: each marked as what it is, so the two never meet. */
  readonly idempotency: string;
  /** When it was created, while it has a key. */
  readonly keyedSince?: string;
  /** The token of the call that made it. */
  readonly creator: string;
}

const KEYS_A_QUERY = 500;

export function mongodbPromotions(database: Database): Promotions {
  const rows = database.collection<PromotionRow>('promotions');
  const keep = eventKeeper(database);
  const byKey = (key: string) =>
    database.first(rows, { index: 'promotions_idempotency', filter: { idempotency: { $eq: keyed(key) } } });
  const list = newestFirst(database, rows, {
    name: 'promotions',
    time: ({ createdAt }: Promotion) => createdAt,
    indexes: [
      ['promotions_list'],
      ['promotions_list_state', 'state'],
      ['promotions_list_channel', 'channel'],
      ['promotions_list_state_channel', 'state', 'channel'],
    ],
    item: readPromotion,
  });

  return {
    create: (promotion, events = []) =>
      database.whole(async () => {
        const { id, idempotency } = promotion;
        const creator = newToken();
        const kept = withEvents(await keep(events));
        return database.attempt(async () => {
          for (;;) {
            const sequence = await database.counters.next('promotions');
            const row = { ...promotionRow({ ...promotion, sequence, revision: 1 }, creator), ...kept };
            try {
              await rows.insertOne(row);
              return { promotion: readPromotion(row), created: true };
            } catch (error) {
              if (!isDuplicate(error)) throw error;
            }
            // What is taken: the key, the id, or (where the counter fell behind) the sequence?
            const former = idempotency === undefined ? undefined : await byKey(idempotency.key);
            if (former !== undefined)
              return { promotion: readPromotion(former), created: former.creator === creator };
            const same = await rows.findOne({ _id: text(id) });
            if (same?.creator === creator) return { promotion: readPromotion(same), created: true };
            if (same !== null) throw idTaken('promotion', id);
            await catchUp(database, rows, 'promotions');
          }
        });
      }),
    async get(id) {
      const row = await database.call(() => rows.findOne({ _id: text(id) }));
      return row === null ? undefined : readPromotion(row);
    },
    async replace(promotion, events = []) {
      const { id, revision, state, to: channel } = promotion;
      const fields = { state: text(state), channel: text(channel), document: JSON.stringify(promotion) };
      const replaced = await replaceGuarded(database, rows, {
        id,
        revision,
        fields,
        kept: () => keep(events),
      });
      return replaced ? { ...promotion, revision: revision + 1 } : undefined;
    },
    async byIdempotencyKey(key) {
      const row = await database.call(() => byKey(key));
      return row && readPromotion(row);
    },
    async inStates(states) {
      if (states.length === 0) return [];
      const found = await database.call(() =>
        database.find(rows, {
          index: 'promotions_in_state',
          filter: { state: { $in: states.map(text) } },
          sort: { sequence: 1 },
        }),
      );
      return found.map(readPromotion);
    },
    list: (query) => list({ state: query.state, channel: query.to }, query),
    async forgetKeys(before) {
      const keyedSince = { $lt: text(before) };
      await database.call(async () => {
        for (;;) {
          const old = await database.find(rows, {
            index: 'promotions_keyed',
            filter: { keyedSince },
            limit: KEYS_A_QUERY,
            fields: { _id: 1 },
          });
          if (old.length > 0) {
            await rows.bulkWrite(
              old.map(({ _id }) => ({ updateOne: { filter: { _id, keyedSince }, update: keyless(_id) } })),
              { ordered: false },
            );
          }
          if (old.length < KEYS_A_QUERY) return;
        }
      });
    },
  };
}

/** The row of a promotion that is new. */
export function promotionRow(promotion: Promotion, creator: string): PromotionRow {
  const { id, sequence, revision, state, to, createdAt, idempotency } = promotion;
  return {
    _id: text(id),
    version: 1,
    revision,
    sequence,
    place: placeOf(createdAt, sequence),
    state: text(state),
    channel: text(to),
    ...(idempotency === undefined
      ? { idempotency: unkeyed(id) }
      : { idempotency: keyed(idempotency.key), keyedSince: createdAt }),
    creator,
    writers: firstWriter(revision, creator),
    document: JSON.stringify(promotion),
  };
}

const keyed = (key: string) => `key ${text(key)}`;
const unkeyed = (id: string) => `id ${id}`;
/** Those that have a key. */
export const KEYED = { $gte: 'key ', $lt: 'key!' };

/** Sequence, revision and whether it has a key are the fields' alone: the document was made before they were known. */
export function readPromotion(row: PromotionRow): Promotion {
  const { idempotency, ...promotion } = recordIn(row) as Promotion;
  const { sequence, revision } = row;
  const hasKey = idempotency !== undefined && row.idempotency === keyed(idempotency.key);
  return { ...promotion, ...(hasKey ? { idempotency } : {}), sequence, revision };
}

function keyless(id: string): UpdateFilter<PromotionRow> {
  return { $set: { idempotency: unkeyed(id) }, $unset: { keyedSince: '' }, $inc: { version: 1 } };
}
