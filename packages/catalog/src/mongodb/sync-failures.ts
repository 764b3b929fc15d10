import type { Failures } from '../catalog.ts';
import { cursorsOf, pageOf, rowsFor } from '../page.ts';
import type { Failure, FailureKey } from '../records.ts';
import type { Database } from './database.ts';
import { inParts, is, keyOf, recordIn, type Row, sortable, text } from './documents.ts';
import { insertMissing, replaceMany } from './put-many.ts';

export interface FailureRow extends Row {
  readonly source: string;
  readonly retryAt: string | null;
  /** Source, repository and tag as one text that sorts as they do. */
  readonly place: string;
}

/** Stands for no tag: a repository as a whole. */
const WHOLE = '';
/** Between the parts of a place: below all that a name may hold. */
const END = '\u0001';
const AFTER_END = '\u0002';

const KEYS_A_QUERY = 500;

/**
 * Each failure is a row of its own, so what is put or removed at once is done in parts; repeating the call completes it,
 * and until then each row is right by itself.
 */
export function mongodbFailures(database: Database): Failures {
  const rows = database.collection<FailureRow>('failures');
  const cursors = cursorsOf('failures', ['string', 'string', 'string']);
  return {
    async put(failures) {
      const wanted = [...new Map(failures.map(failureRow).map((row) => [row._id, row])).values()];
      await database.whole(async () => {
        for (const some of inParts(wanted, KEYS_A_QUERY))
          await database.attempt(async () => replaceMany(rows, await insertMissing(rows, some)));
      });
    },
    async getAll(keys) {
      const found: Failure[] = [];
      for (const some of inParts([...new Set(keys.map(idOf))], KEYS_A_QUERY)) {
        const filter = { _id: { $in: some } };
        found.push(...(await database.call(() => database.find(rows, { index: '_id_', filter }))).map(read));
      }
      return found;
    },
    async remove(keys) {
      await database.whole(async () => {
        for (const some of inParts([...new Set(keys.map(idOf))], KEYS_A_QUERY))
          await database.attempt(() => rows.deleteMany({ _id: { $in: some } }));
      });
    },
    async due(source, at, limit) {
      const found = await database.call(() =>
        database.find(rows, {
          index: 'failures_due',
          filter: { source: is(source), retryAt: { $lte: text(at) } }, // null is no text: it is not below one
          sort: { retryAt: 1 },
          limit,
        }),
      );
      return found.map(read);
    },
    async list({ source, limit, cursor }) {
      const rowsWanted = rowsFor(limit);
      const after = cursor === undefined ? undefined : placeOf(...cursors.decode(cursor));
      const place = {
        $gt: after ?? (source === undefined ? '' : sortable(source)),
        ...(source === undefined ? {} : { $lt: sortable(source) + AFTER_END }),
      };
      const found = await database.call(() =>
        database.find(rows, {
          index: 'failures_list',
          filter: { place },
          sort: { place: 1 },
          limit: rowsWanted,
        }),
      );
      return pageOf(found, limit, read, (last) => {
        const { source: of, sourceRepository, tag = WHOLE } = read(last);
        return cursors.encode([of, sourceRepository, tag]);
      });
    },
  };
}

export function failureRow(failure: Failure): FailureRow {
  const { source, sourceRepository, tag = WHOLE, retryAt } = failure;
  return {
    _id: idOf(failure),
    source: text(source),
    retryAt: retryAt === null ? null : text(retryAt),
    place: placeOf(source, sourceRepository, tag),
    document: JSON.stringify(failure),
  };
}

function placeOf(...parts: readonly string[]): string {
  return parts.map((part) => sortable(part) + END).join('');
}

function idOf({ source, sourceRepository, tag = WHOLE }: FailureKey): string {
  return keyOf(source, sourceRepository, tag);
}

const read = (row: FailureRow) => recordIn(row) as Failure;
