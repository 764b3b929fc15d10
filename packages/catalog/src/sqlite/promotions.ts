import type { Promotions } from '../catalog.ts';
import type { Promotion } from '../records.ts';
import { idTaken } from '../taken.ts';
import type { Database } from './database.ts';
import { documentIn, maybe } from './documents.ts';
import { newestFirst } from './newest-first.ts';
import { eventKeeper } from './outbox.ts';

/** What a promotion is read from. */
export const PROMOTION_COLUMNS = 'sequence, revision, idempotency_key, document';

export function sqlitePromotions(database: Database): Promotions {
  const insert = database.prepare(`
    INSERT INTO promotions (id, revision, state, channel, idempotency_key, created_at, document)
    VALUES (:id, 1, :state, :channel, :key, :createdAt, :document)
  `);
  const replace = database.prepare(`
    UPDATE promotions SET revision = revision + 1, state = :state, channel = :channel, document = :document
    WHERE id = :id AND revision = :revision
  `);
  const get = database.prepare(`SELECT ${PROMOTION_COLUMNS} FROM promotions WHERE id = ?`);
  const byKey = database.prepare(`SELECT ${PROMOTION_COLUMNS} FROM promotions WHERE idempotency_key = ?`);
  const inStates = database.prepare(`
    SELECT ${PROMOTION_COLUMNS} FROM promotions WHERE state IN (SELECT value FROM json_each(?)) ORDER BY sequence
  `);
  const forgetKeys = database.prepare(`
    UPDATE promotions INDEXED BY promotions_keyed SET idempotency_key = NULL
    WHERE idempotency_key IS NOT NULL AND created_at < ?
  `);
  const keepEvents = eventKeeper(database);
  const list = newestFirst(database, {
    name: 'promotions',
    columns: PROMOTION_COLUMNS,
    time: 'created_at',
    filters: ['state', 'channel'],
    indexes: [[], ['state'], ['channel'], ['state', 'channel']],
    item: readPromotion,
  });

  return {
    create(promotion, events = []) {
      const { id, state, to: channel, createdAt } = promotion;
      const key = promotion.idempotency?.key ?? null;
      const document = JSON.stringify(promotion);
      return database.write(() => {
        const former = key === null ? undefined : maybe(byKey.get(key), readPromotion);
        if (former !== undefined) return { promotion: former, created: false };
        if (get.get(id) !== undefined) throw idTaken('promotion', id);
        const { lastInsertRowid } = insert.run({ id, state, channel, key, createdAt, document });
        keepEvents(events);
        return { promotion: { ...promotion, sequence: Number(lastInsertRowid), revision: 1 }, created: true };
      });
    },
    get: (id) => database.read(() => maybe(get.get(id), readPromotion)),
    replace(promotion, events = []) {
      const { id, revision, state, to: channel } = promotion;
      const document = JSON.stringify(promotion);
      return database.write(() => {
        const { changes } = replace.run({ id, revision, state, channel, document });
        if (changes === 0) return undefined;
        keepEvents(events);
        return { ...promotion, revision: revision + 1 };
      });
    },
    byIdempotencyKey: (key) => database.read(() => maybe(byKey.get(key), readPromotion)),
    inStates: (states) => database.read(() => inStates.all(JSON.stringify(states)).map(readPromotion)),
    list: (query) => database.read(() => list({ state: query.state, channel: query.to }, query)),
    async forgetKeys(before) {
      await database.write(() => forgetKeys.run(before));
    },
  };
}

/** Sequence, revision and whether it has a key are the columns' alone: the document was made before they were known. */
export function readPromotion(row: unknown): Promotion {
  const { sequence, revision, idempotency_key: key } = row as PromotionRow;
  const { idempotency, ...promotion } = documentIn(row) as Promotion;
  const keyed = key === null || idempotency === undefined ? {} : { idempotency };
  return { ...promotion, ...keyed, sequence, revision };
}

interface PromotionRow {
  readonly sequence: number;
  readonly revision: number;
  readonly idempotency_key: string | null;
}
