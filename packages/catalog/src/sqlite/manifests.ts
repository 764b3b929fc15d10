import type { Digest } from '@gantry/oci';
import type { Manifests } from '../catalog.ts';
import type { ManifestRecord } from '../records.ts';
import type { Database } from './database.ts';
import { documentIn, maybe } from './documents.ts';

export function sqliteManifests(database: Database): Manifests {
  const insert = database.prepare(
    'INSERT INTO manifests (digest, document) VALUES (?, ?) ON CONFLICT DO NOTHING',
  );
  const replace = database.prepare(
    'INSERT INTO manifests (digest, document) VALUES (?, ?) ON CONFLICT DO UPDATE SET document = excluded.document',
  );
  const get = database.prepare('SELECT document FROM manifests WHERE digest = ?');
  const getAll = database.prepare(
    'SELECT document FROM json_each(?) AS wanted CROSS JOIN manifests ON digest = wanted.value',
  );
  const find = (digest: Digest) => database.read(() => maybe(get.get(digest), read));

  return {
    async put(record) {
      if ((await find(record.digest)) !== undefined) return database.durable();
      const document = JSON.stringify(record);
      await database.write(() => insert.run(record.digest, document));
    },
    async replace(record) {
      const document = JSON.stringify(record);
      await database.write(() => replace.run(record.digest, document));
    },
    get: find,
    async getAll(digests) {
      const rows = await database.readMany([...new Set(digests)], (some) => getAll.all(some));
      return new Map(rows.map(read).map((record) => [record.digest, record]));
    },
  };
}

const read = (row: unknown) => documentIn(row) as ManifestRecord;
