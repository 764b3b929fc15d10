import { cursorsOf, pageOf, rowsFor } from '../page.ts';
import type { Plan, Plans } from '../plans.ts';
import { idTaken } from '../taken.ts';
import type { Database } from './database.ts';
import { documentIn, maybe } from './documents.ts';

export function sqlitePlans(database: Database): Plans {
  const insert = database.prepare(
    'INSERT INTO plans (id, expires_at, document) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
  );
  const get = database.prepare('SELECT document FROM plans WHERE id = ?');
  const list = database.prepare(
    'SELECT document, id FROM plans WHERE id > :last AND expires_at > :after ORDER BY id LIMIT :rows',
  );
  const cursors = cursorsOf('plans', ['string']);
  const forget = database.prepare('DELETE FROM plans WHERE expires_at < ?');
  return {
    async create(plan) {
      const document = JSON.stringify(plan);
      await database.write(() => {
        const { changes } = insert.run(plan.id, plan.expiresAt, document);
        if (changes === 0) throw idTaken('plan', plan.id);
      });
    },
    get: (id) => database.read(() => maybe(get.get(id), read)),
    list: ({ limit, cursor, after }) =>
      database.read(() => {
        const [last] = cursor === undefined ? [''] : cursors.decode(cursor);
        const rows = list.all({ last, after, rows: rowsFor(limit) }) as unknown as { id: string }[];
        return pageOf(rows, limit, read, ({ id }) => cursors.encode([id]));
      }),
    async forget(before) {
      await database.write(() => forget.run(before));
    },
  };
}

const read = (row: unknown) => documentIn(row) as Plan;
