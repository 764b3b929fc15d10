import type { AnyBulkWriteOperation, Collection, Db, Document, Filter } from 'mongodb';
import type { Candidate, ChannelTag, ManifestRecord, Promotion } from '../records.ts';
import { WRITES_AND_READS } from './database.ts';
import { recordIn, type Row } from './documents.ts';
import type { IndexName } from './indexes.ts';
import { heldBy, namedBy } from './named-digests.ts';
import { KEYED } from './promotions.ts';

const ROWS_A_WRITE = 500;

/** A field that rows of an older schema lack, and what it should be. */
interface Lacking {
  readonly field: string;
  /** By which the rows that lack it are found. */
  readonly index: IndexName;
  readonly among?: Filter<Row>;
  readonly value: (row: Row) => unknown;
}

const NAMES: Lacking = {
  field: 'names',
  index: 'manifests_naming',
  value: (row) => namedBy(recordIn(row) as ManifestRecord),
};
const CANDIDATE_HOLDS: Lacking = {
  field: 'holds',
  index: 'candidates_holding',
  value: (row) => heldBy(recordIn(row) as Candidate),
};
const TAGS_HOLD: Lacking = {
  field: 'holds',
  index: 'channel_tags_holding',
  value: (row) => [...new Set((recordIn(row) as ChannelTag[]).flatMap(heldBy))],
};
const KEYED_SINCE: Lacking = {
  field: 'keyedSince',
  index: 'promotions_idempotency',
  among: { idempotency: KEYED },
  value: (row) => (recordIn(row) as Promotion).createdAt,
};

/** Gives all rows of schema 1 what those of schema 2 have. */
export async function fillInAll(database: Db): Promise<void> {
  await fillInNames(database.collection<Row>('manifests', WRITES_AND_READS));
  await fillInCandidates(database.collection<Row>('candidates', WRITES_AND_READS));
  await fillInTags(database.collection<Row>('channel_tags', WRITES_AND_READS));
  await fillIn(database.collection<Row>('promotions', WRITES_AND_READS), KEYED_SINCE);
}

// A process of the older schema that has not noticed yet may have written rows since: so who looks for a digest first
// sees to it that none is overlooked. Mostly there is none, and it is one look into an index.

export function fillInNames<R extends Row>(rows: Collection<R>): Promise<void> {
  return fillIn(rows, NAMES);
}

export function fillInCandidates<R extends Row>(rows: Collection<R>): Promise<void> {
  return fillIn(rows, CANDIDATE_HOLDS);
}

export function fillInTags<R extends Row>(rows: Collection<R>): Promise<void> {
  return fillIn(rows, TAGS_HOLD);
}

/** Right also when it is cut off, done twice, or while others write: a row takes a value only as it was read. */
async function fillIn<R extends Row>(
  collection: Collection<R>,
  { field, index, among, value }: Lacking,
): Promise<void> {
  const rows = collection as unknown as Collection<Row>;
  const lacking: Document = { [field]: { $exists: false } };
  let updates: AnyBulkWriteOperation<Row>[] = [];
  const write = async () => {
    if (updates.length > 0) await rows.bulkWrite(updates, { ordered: false });
    updates = [];
  };
  const found = rows.find({ ...among, ...lacking }, { hint: index, projection: { document: 1 } });
  for await (const row of found) {
    const { _id, document } = row;
    const filter = { _id, document, ...lacking };
    updates.push({ updateOne: { filter, update: { $set: { [field]: value(row) } } } });
    if (updates.length === ROWS_A_WRITE) await write();
  }
  await write();
}
