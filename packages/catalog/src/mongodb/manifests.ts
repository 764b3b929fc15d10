import type { Digest } from '@gantry/oci';
import type { Manifests } from '../catalog.ts';
import { leaseLost } from '../lease-lost.ts';
import { cursorsOf, pageOf, rowsFor } from '../page.ts';
import type { Lease, ManifestRecord } from '../records.ts';
import type { Database } from './database.ts';
import { inParts, is, recordIn, type Row, text } from './documents.ts';
import { isDuplicate } from './failures.ts';
import { fillInNames } from './fill-in.ts';
import type { LeaseRow } from './leases.ts';
import { namedAs, namedBy } from './named-digests.ts';

interface ManifestRow extends Row {
  /** The digests that it names itself. */
  readonly names: readonly string[];
}

const KEYS_A_QUERY = 1000;

export function mongodbManifests(database: Database): Manifests {
  const rows = database.collection<ManifestRow>('manifests');
  const leases = database.collection<LeaseRow>('leases');
  const cursors = cursorsOf('manifests-naming', ['string', 'string']);
  /** The last put of each digest that is under way: the first of them is the one that counts. */
  const inserting = new Map<string, Promise<void>>();
  return {
    async put(record) {
      const row = manifestRow(record);
      const before = inserting.get(row._id);
      const inserted = database.whole(async () => {
        await before?.catch(() => undefined);
        await database.attempt(async () => {
          try {
            await rows.insertOne(row);
          } catch (error) {
            if (!isDuplicate(error)) throw error;
          }
        });
      });
      inserting.set(row._id, inserted);
      try {
        await inserted;
      } finally {
        if (inserting.get(row._id) === inserted) inserting.delete(row._id);
      }
    },
    async replace(record) {
      const { _id, ...fields } = manifestRow(record);
      await database.call(() => rows.updateOne({ _id }, { $set: fields }, { upsert: true }));
    },
    async get(digest) {
      const row = await database.call(() => rows.findOne({ _id: text(digest) }));
      return row === null ? undefined : read(row);
    },
    async getAll(digests) {
      const found = new Map<Digest, ManifestRecord>();
      for (const some of inParts([...new Set(digests)].map(text), KEYS_A_QUERY)) {
        const filter = { _id: { $in: some } };
        for (const row of await database.call(() => database.find(rows, { index: '_id_', filter }))) {
          const record = read(row);
          found.set(record.digest, record);
        }
      }
      return found;
    },
    async naming(digest, { limit, cursor }) {
      const wanted = rowsFor(limit);
      const [from, after] = cursor === undefined ? ['', ''] : cursors.decode(cursor);
      const found = await database.call(async () => {
        await fillInNames(rows);
        return database.find(rows, {
          index: 'manifests_naming',
          filter: { names: is(digest), _id: { $gte: from } },
          sort: { _id: 1 },
          limit: wanted + 1, // the first may have been shown before
        });
      });
      const all = found
        .map(read)
        .flatMap((record) => namedAs(record, digest).map((as) => ({ digest: record.digest, as })))
        .filter((one) => one.digest !== from || one.as > after);
      return pageOf(
        all.slice(0, wanted),
        limit,
        (one) => one,
        (last) => cursors.encode([last.digest, last.as]),
      );
    },
    async remove(digests, lease) {
      await database.whole(async () => {
        for (const some of inParts([...new Set(digests)].map(text), KEYS_A_QUERY))
          await database.attempt(async () => {
            if (lease !== undefined) await mustHold(lease);
            await rows.deleteMany({ _id: { $in: some } });
          });
      });
    },
  };

  async function mustHold({ name, fence }: Pick<Lease, 'name' | 'fence'>): Promise<void> {
    const current = await leases.findOne({ _id: text(name) }, { projection: { fence: 1 } });
    if ((current?.fence ?? 0) > fence) throw leaseLost(name);
  }
}

export function manifestRow(record: ManifestRecord): ManifestRow {
  return { _id: text(record.digest), names: namedBy(record), document: JSON.stringify(record) };
}

const read = (row: Row) => recordIn(row) as ManifestRecord;
