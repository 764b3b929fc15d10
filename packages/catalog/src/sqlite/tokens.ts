import type { TokenRecord, Tokens } from '../access.ts';
import { idTaken, tokenNameTaken } from '../taken.ts';
import type { Database } from './database.ts';
import { documentIn, maybe } from './documents.ts';
import { newestFirst } from './newest-first.ts';

export function sqliteTokens(database: Database): Tokens {
  const insert = database.prepare(`
    INSERT INTO tokens (id, name, revoked, created_at, document)
    VALUES (:id, :name, 0, :createdAt, :document)
  `);
  const get = database.prepare('SELECT document FROM tokens WHERE id = ?');
  const byName = database.prepare('SELECT document FROM tokens WHERE name = ? AND revoked = 0');
  const revoke = database.prepare('UPDATE tokens SET revoked = 1, document = ? WHERE id = ?');
  const list = newestFirst(database, {
    name: 'tokens',
    columns: 'document',
    time: 'created_at',
    filters: [],
    indexes: [[]],
    item: read,
  });

  return {
    async create(token) {
      const { id, name, createdAt } = token;
      const document = JSON.stringify(token);
      await database.write(() => {
        if (get.get(id) !== undefined) throw idTaken('token', id);
        if (byName.get(name) !== undefined) throw tokenNameTaken(name);
        insert.run({ id, name, createdAt, document });
      });
    },
    get: (id) => database.read(() => maybe(get.get(id), read)),
    byName: (name) => database.read(() => maybe(byName.get(name), read)),
    revoke: (id, by, at) =>
      database.write(() => {
        const token = maybe(get.get(id), read);
        if (token === undefined || token.revoked !== undefined) return token;
        const revoked = { ...token, revoked: { by, at } };
        revoke.run(JSON.stringify(revoked), id);
        return revoked;
      }),
    list: (page) => database.read(() => list({}, page)),
  };
}

const read = (row: unknown) => documentIn(row) as TokenRecord;
