import type { Promotions } from '../catalog.ts';
import type { Promotion } from '../records.ts';
import type { Database } from './database.ts';
import { placeOf, recordIn, text } from './documents.ts';
import { idTaken, isDuplicate } from './failures.ts';
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
  /** The token of the call that made it. */
  readonly creator: string;
}

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
    item: read,
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
              return { promotion: read(row), created: true };
            } catch (error) {
              if (!isDuplicate(error)) throw error;
            }
            // What is taken: the key, the id, or (where the counter fell behind) the sequence?
            const former = idempotency === undefined ? undefined : await byKey(idempotency.key);
            if (former !== undefined) return { promotion: read(former), created: former.creator === creator };
            const same = await rows.findOne({ _id: text(id) });
            if (same?.creator === creator) return { promotion: read(same), created: true };
            if (same !== null) throw idTaken('promotion', id);
            await catchUp(database, rows, 'promotions');
          }
        });
      }),
    async get(id) {
      const row = await database.call(() => rows.findOne({ _id: text(id) }));
      return row === null ? undefined : read(row);
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
      return row && read(row);
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
      return found.map(read);
    },
    list: (query) => list({ state: query.state, channel: query.to }, query),
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
    idempotency: idempotency === undefined ? `id ${id}` : keyed(idempotency.key),
    creator,
    writers: firstWriter(revision, creator),
    document: JSON.stringify(promotion),
  };
}

const keyed = (key: string) => `key ${text(key)}`;

/** Sequence and revision are the fields' alone: the document was made before they were known. */
function read(row: PromotionRow): Promotion {
  return { ...(recordIn(row) as Promotion), sequence: row.sequence, revision: row.revision };
}
