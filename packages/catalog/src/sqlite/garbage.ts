import type { Digest } from '@gantry/oci';
import type { CondemnedBlob, Garbage } from '../garbage.ts';
import { cursorsOf, pageOf, rowsFor } from '../page.ts';
import type { Database } from './database.ts';

/** Writes are alone in all processes: what is spared in one is not claimed in another. */
export function sqliteGarbage(database: Database): Garbage {
  const insert = database.prepare(
    "INSERT INTO garbage (digest, size, at, state) VALUES (?, ?, ?, 'condemned') ON CONFLICT DO NOTHING",
  );
  const getAll = database.prepare(`
    SELECT garbage.digest, size, at, state FROM json_each(?) AS wanted CROSS JOIN garbage
    ON garbage.digest = wanted.value
  `);
  const isGoing = database.prepare("SELECT 1 FROM garbage WHERE digest = ? AND state = 'going'");
  const spare = database.prepare("DELETE FROM garbage WHERE digest = ? AND state = 'condemned'");
  const claim = database.prepare(
    "UPDATE garbage SET state = 'going' WHERE digest = ? AND state = 'condemned' AND at <= ?",
  );
  const forget = database.prepare("DELETE FROM garbage WHERE digest = ? AND state = 'going'");
  const listed = (only: string, index: string) =>
    database.prepare(`
      SELECT digest, size, at, state FROM garbage INDEXED BY ${index}
      WHERE ${only} (at, digest) > (:afterTime, :afterDigest) ORDER BY at, digest LIMIT :rows
    `);
  const listAll = listed('', 'garbage_list');
  const listState = listed('state = :state AND', 'garbage_list_state');
  const some = database.prepare("SELECT 1 FROM garbage WHERE digest > '' LIMIT 1");
  const cursors = cursorsOf('garbage', ['string', 'string']);

  const noted = async (digests: readonly Digest[]) => {
    const rows = await database.readMany([...new Set(digests)], (wanted) => getAll.all(wanted));
    return new Map(rows.map(read).map((blob) => [blob.digest, blob]));
  };
  const going = (digests: Iterable<Digest>) =>
    [...digests].filter((digest) => isGoing.get(digest) !== undefined);

  return {
    async condemn(blobs, at) {
      if (blobs.length === 0) return;
      await database.write(() => {
        for (const { digest, size } of blobs) insert.run(digest, size, at);
      });
    },
    getAll: noted,
    async spare(digests) {
      const found = await noted(digests); // most often none, and then nothing waits for the disk
      if (found.size === 0) return [];
      return database.write(() => {
        for (const digest of found.keys()) spare.run(digest);
        return going(found.keys());
      });
    },
    async claim(digests, before) {
      if (digests.length === 0) return [];
      return database.write(() => {
        for (const digest of digests) claim.run(digest, before);
        return going(new Set(digests));
      });
    },
    async forget(digests) {
      if (digests.length === 0) return;
      await database.write(() => {
        for (const digest of digests) forget.run(digest);
      });
    },
    list: ({ limit, cursor, state }) =>
      database.read(() => {
        const [afterTime, afterDigest] = cursor === undefined ? ['', ''] : cursors.decode(cursor);
        const values = { afterTime, afterDigest, rows: rowsFor(limit) };
        const rows = state === undefined ? listAll.all(values) : listState.all({ ...values, state });
        return pageOf(
          rows.map(read),
          limit,
          (blob) => blob,
          (last) => cursors.encode([last.at, last.digest]),
        );
      }),
    some: () => database.read(() => some.get() !== undefined),
  };
}

function read(row: unknown): CondemnedBlob {
  const { digest, size, at, state } = row as CondemnedBlob;
  return { digest, size, at, state };
}
