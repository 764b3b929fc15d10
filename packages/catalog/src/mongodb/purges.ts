import type { Digest } from '@gantry/oci';
import type { Purge, Purges } from '../access.ts';
import type { Database } from './database.ts';
import { inParts, placeOf, recordIn, text } from './documents.ts';
import { type CreatedRow, insertListed } from './insert-listed.ts';
import { newestFirst } from './newest-first.ts';

const KEYS_A_QUERY = 1000;

export function mongodbPurges(database: Database): Purges {
  const rows = database.collection<CreatedRow>('purges');
  const list = newestFirst<Purge, CreatedRow, never>(database, rows, {
    name: 'purges',
    time: ({ at }: Purge) => at,
    indexes: [['purges_list']],
    item: read,
  });

  return {
    async create(purge) {
      const inserted = await insertListed(database, rows, 'purges', (sequence, creator) =>
        purgeRow(purge, sequence, creator),
      );
      if (inserted === undefined) throw new Error('a purge has nothing else that is unique');
      return { purge: read(inserted.row), created: inserted.created };
    },
    async get(digest) {
      const row = await database.call(() => rows.findOne({ _id: text(digest) }));
      return row === null ? undefined : read(row);
    },
    async getAll(digests) {
      const found = new Set<Digest>();
      for (const some of inParts([...new Set(digests)].map(text), KEYS_A_QUERY)) {
        const query = { index: '_id_', filter: { _id: { $in: some } }, fields: { _id: 1 } } as const;
        for (const { _id } of await database.call(() => database.find(rows, query))) found.add(_id as Digest);
      }
      return found;
    },
    async some() {
      const query = { index: '_id_', filter: { _id: { $gt: '' } }, fields: { _id: 1 } } as const;
      return (await database.call(() => database.first(rows, query))) !== undefined;
    },
    list: (page) => list({}, page),
  };
}

export function purgeRow(purge: Purge, sequence: number, creator: string): CreatedRow {
  const { digest, at } = purge;
  return {
    _id: text(digest),
    sequence,
    place: placeOf(at, sequence),
    creator,
    document: JSON.stringify(purge),
  };
}

const read = (row: CreatedRow) => recordIn(row) as Purge;
