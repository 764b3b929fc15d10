import type { Digest } from '@gantry/oci';
import type { Filter } from 'mongodb';
import type { CondemnedBlob, Garbage } from '../garbage.ts';
import { cursorsOf, pageOf, rowsFor } from '../page.ts';
import type { Timestamp } from '../records.ts';
import type { Database } from './database.ts';
import { inParts, is, mustBeNumber, text } from './documents.ts';
import { insertMissing } from './put-many.ts';

/** A blob that is noted, by its digest. */
export interface GarbageRow extends Omit<CondemnedBlob, 'digest'> {
  readonly _id: string;
  /** `at` and the digest: the order of the list. */
  readonly place: string;
}

/** Few enough that nothing else waits long for an update of as many. */
const KEYS_A_QUERY = 250;

/**
 * A row that is condemned either goes away, by `spare`, or becomes going, by `claim`: one write of one row, which the
 * other's filter does not meet any more.
 */
export function mongodbGarbage(database: Database): Garbage {
  const rows = database.collection<GarbageRow>('garbage');
  const cursors = cursorsOf('garbage', ['string', 'string']);
  const inKeys = async <T>(digests: readonly Digest[], work: (keys: readonly string[]) => Promise<T[]>) => {
    const keys = [...new Set(digests)].map(text);
    return database.whole(async () => {
      const found: T[][] = [];
      for (const some of inParts(keys, KEYS_A_QUERY)) found.push(await database.attempt(() => work(some)));
      return found.flat();
    });
  };
  const find = (keys: readonly string[]) =>
    database.find(rows, { index: '_id_', filter: { _id: { $in: keys } } });
  const going = async (keys: readonly string[]) =>
    (await find(keys)).filter(({ state }) => state === 'going').map(({ _id }) => _id as Digest);

  return {
    async condemn(blobs, at) {
      const wanted = blobs.map(({ digest, size }) => garbageRow({ digest, size, at, state: 'condemned' }));
      await database.whole(async () => {
        for (const some of inParts(wanted, KEYS_A_QUERY))
          await database.attempt(() => insertMissing(rows, some));
      });
    },
    async getAll(digests) {
      const found = (await inKeys(digests, find)).map(readBlob);
      return new Map(found.map((blob) => [blob.digest, blob]));
    },
    spare: (digests) =>
      inKeys(digests, async (keys) => {
        const found = await find(keys); // most often none, and then nothing is written
        if (found.length === 0) return [];
        const _id = { $in: found.map((row) => row._id) };
        await rows.deleteMany({ _id, state: 'condemned' });
        return going(keys);
      }),
    claim: (digests, before) =>
      inKeys(digests, async (keys) => {
        const those = { _id: { $in: keys }, state: 'condemned' as const, at: { $lte: text(before) } };
        await rows.updateMany(those, { $set: { state: 'going' } });
        return going(keys);
      }),
    async forget(digests) {
      await inKeys(digests, async (keys) => {
        const found = (await find(keys)).filter(({ state }) => state === 'going');
        // As they were condemned then, so that an attempt which was given up does not meet one that is noted anew.
        for (const [at, some] of Map.groupBy(found, (row) => row.at)) {
          const _id = { $in: some.map((row) => row._id) };
          await rows.deleteMany({ _id, state: 'going', at });
        }
        return [];
      });
    },
    async list({ limit, cursor, state }) {
      const wanted = rowsFor(limit);
      const after = cursor === undefined ? '' : placeOf(...cursors.decode(cursor));
      const found = await database.call(() =>
        database.find(rows, {
          index: state === undefined ? 'garbage_list' : 'garbage_list_state',
          filter: {
            ...(state !== undefined && { state: is(state) }),
            place: { $gt: after },
          } as Filter<GarbageRow>,
          sort: { place: 1 },
          limit: wanted,
        }),
      );
      return pageOf(found, limit, readBlob, ({ at, _id }) => cursors.encode([at, _id]));
    },
    async some() {
      const query = { index: '_id_', filter: { _id: { $gt: '' } }, fields: { _id: 1 } } as const;
      return (await database.call(() => database.first(rows, query))) !== undefined;
    },
  };
}

export function garbageRow({ digest, size, at, state }: CondemnedBlob): GarbageRow {
  return { _id: text(digest), size: mustBeNumber(size), at: text(at), state, place: placeOf(at, digest) };
}

export function readBlob({ _id, size, at, state }: GarbageRow): CondemnedBlob {
  return { digest: _id as Digest, size, at, state };
}

function placeOf(at: Timestamp, digest: string): string {
  return `${at} ${digest}`;
}
