import type { Digest } from '@gantry/oci';
import type { Purge, Purges } from '../access.ts';
import type { Database } from './database.ts';
import { documentIn, maybe } from './documents.ts';
import { newestFirst } from './newest-first.ts';

export function sqlitePurges(database: Database): Purges {
  const insert = database.prepare('INSERT INTO purges (digest, at, document) VALUES (?, ?, ?)');
  const get = database.prepare('SELECT document FROM purges WHERE digest = ?');
  const getAll = database.prepare(
    'SELECT digest FROM json_each(?) AS wanted CROSS JOIN purges ON digest = wanted.value',
  );
  const some = database.prepare("SELECT 1 FROM purges WHERE digest > '' LIMIT 1");
  const list = newestFirst(database, {
    name: 'purges',
    columns: 'document',
    time: 'at',
    filters: [],
    indexes: [[]],
    item: read,
  });

  return {
    create(purge) {
      const document = JSON.stringify(purge);
      return database.write(() => {
        const former = maybe(get.get(purge.digest), read);
        if (former !== undefined) return { purge: former, created: false };
        insert.run(purge.digest, purge.at, document);
        return { purge, created: true };
      });
    },
    get: (digest) => database.read(() => maybe(get.get(digest), read)),
    async getAll(digests) {
      const rows = await database.readMany([...new Set(digests)], (wanted) => getAll.all(wanted));
      return new Set(rows.map((row) => row['digest'] as Digest));
    },
    some: () => database.read(() => some.get() !== undefined),
    list: (page) => database.read(() => list({}, page)),
  };
}

const read = (row: unknown) => documentIn(row) as Purge;
