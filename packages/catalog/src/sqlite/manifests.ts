import type { Digest } from '@gantry/oci';
import type { Manifests, NamingManifest } from '../catalog.ts';
import { leaseLost } from '../lease-lost.ts';
import { cursorsOf, pageOf, rowsFor } from '../page.ts';
import type { ManifestRecord } from '../records.ts';
import type { Database } from './database.ts';
import { documentIn, maybe } from './documents.ts';

export function sqliteManifests(database: Database): Manifests {
  const insert = database.prepare(
    'INSERT INTO manifests (digest, document) VALUES (?, ?) ON CONFLICT DO NOTHING',
  );
  const get = database.prepare('SELECT document FROM manifests WHERE digest = ?');
  const getAll = database.prepare(
    'SELECT document FROM json_each(?) AS wanted CROSS JOIN manifests ON digest = wanted.value',
  );
  const naming = database.prepare(`
    SELECT manifest, named_as FROM manifest_names WHERE digest = ? AND (manifest, named_as) > (?, ?)
    ORDER BY manifest, named_as LIMIT ?
  `);
  const remove = database.prepare('DELETE FROM manifests WHERE digest IN (SELECT value FROM json_each(?))');
  const takenOver = database.prepare('SELECT 1 FROM leases WHERE name = ? AND fence > ?');
  const cursors = cursorsOf('manifests-naming', ['string', 'string']);
  const find = (digest: Digest) => database.read(() => maybe(get.get(digest), read));

  return {
    async put(record) {
      if ((await find(record.digest)) !== undefined) return database.durable();
      const document = JSON.stringify(record);
      await database.write(() => insert.run(record.digest, document));
    },
    async replace(record) {
      const document = JSON.stringify(record);
      await database.write(() => {
        remove.run(JSON.stringify([record.digest]));
        insert.run(record.digest, document);
      });
    },
    get: find,
    async getAll(digests) {
      const rows = await database.readMany([...new Set(digests)], (some) => getAll.all(some));
      return new Map(rows.map(read).map((record) => [record.digest, record]));
    },
    naming: (digest, { limit, cursor }) =>
      database.read(() => {
        const after = cursor === undefined ? BEFORE_ALL : cursors.decode(cursor);
        const rows = naming.all(digest, ...after, rowsFor(limit)) as unknown as NamingRow[];
        return pageOf(rows, limit, namingOf, (last) => cursors.encode([last.manifest, last.named_as]));
      }),
    async remove(digests, lease) {
      const json = JSON.stringify(digests);
      await database.write(() => {
        if (lease !== undefined && takenOver.get(lease.name, lease.fence) !== undefined)
          throw leaseLost(lease.name);
        remove.run(json);
      });
    },
  };
}

interface NamingRow {
  readonly manifest: Digest;
  readonly named_as: NamingManifest['as'];
}

const BEFORE_ALL = ['', ''] as const;

const namingOf = (row: NamingRow): NamingManifest => ({ digest: row.manifest, as: row.named_as });

const read = (row: unknown) => documentIn(row) as ManifestRecord;
