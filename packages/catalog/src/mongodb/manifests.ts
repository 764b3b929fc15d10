import type { Digest } from '@gantry/oci';
import type { Manifests } from '../catalog.ts';
import type { ManifestRecord } from '../records.ts';
import type { Database } from './database.ts';
import { inParts, recordIn, type Row, text } from './documents.ts';
import { isDuplicate } from './failures.ts';

const KEYS_A_QUERY = 1000;

export function mongodbManifests(database: Database): Manifests {
  const rows = database.collection<Row>('manifests');
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
      const { _id, document } = manifestRow(record);
      await database.call(() => rows.updateOne({ _id }, { $set: { document } }, { upsert: true }));
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
  };
}

export function manifestRow(record: ManifestRecord): Row {
  return { _id: text(record.digest), document: JSON.stringify(record) };
}

const read = (row: Row) => recordIn(row) as ManifestRecord;
