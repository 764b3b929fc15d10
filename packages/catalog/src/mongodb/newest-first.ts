import type { Collection, Filter, WithId } from 'mongodb';
import type { Page, PageRequest } from '../catalog.ts';
import { cursorsOf, pageOf, rowsFor } from '../page.ts';
import type { Timestamp } from '../records.ts';
import type { Database } from './database.ts';
import { is, placeOf, type Row, text } from './documents.ts';
import type { IndexName } from './indexes.ts';

/** A row that stands in a list: `place` is its time and its sequence. */
export interface ListedRow extends Row {
  readonly sequence: number;
  readonly place: string;
}

/** Gives the pages of one collection's list. A filter that is undefined does not restrict. */
export type List<T, Field extends string> = (
  wanted: { readonly [F in Field]: string | undefined },
  page: PageRequest & { readonly since?: Timestamp | undefined },
) => Promise<Page<T>>;

/** The list of a collection, newest first by `place`, each set of filters along an index of its own. */
export function newestFirst<T, R extends ListedRow, Field extends string & keyof R>(
  database: Database,
  collection: Collection<R>,
  list: {
    /** For cursors. */
    readonly name: string;
    readonly time: (item: T) => Timestamp;
    /** Indexes by the fields they begin with; of those that lie within the fields given, the last one is taken. */
    readonly indexes: readonly (readonly [IndexName, ...Field[]])[];
    readonly item: (row: WithId<R>) => T;
    /** Rows whose place is below this one are not in the list; absent: all are. */
    readonly from?: string;
  },
): List<T, Field> {
  const cursors = cursorsOf(list.name, ['string', 'number']);
  const indexFor = (given: readonly string[]): IndexName => {
    const found = list.indexes.findLast(([, ...fields]) => fields.every((field) => given.includes(field)));
    if (found === undefined) throw new Error(`the list ${list.name} has no index for all of it`);
    return found[0];
  };
  return async (wanted, { limit, cursor, since }) => {
    const rows = rowsFor(limit);
    const before = cursor === undefined ? undefined : placeOf(...cursors.decode(cursor));
    const given = Object.entries<string | undefined>(wanted).filter(([, value]) => value !== undefined);
    const least = lastOf(list.from, since);
    const place = {
      ...(least === undefined ? {} : { $gte: text(least) }),
      ...(before === undefined ? {} : { $lt: before }),
    };
    const filter = {
      ...Object.fromEntries(given.map(([field, value]) => [field, is(value as string)])),
      ...(Object.keys(place).length === 0 ? {} : { place }),
    } as Filter<R>;
    const index = indexFor(given.map(([field]) => field));
    const found = await database.call(() =>
      database.find(collection, { index, filter, sort: { place: -1 }, limit: rows }),
    );
    return pageOf(found, limit, list.item, (row) =>
      cursors.encode([list.time(list.item(row)), row.sequence]),
    );
  };
}

/** The one that sorts last; undefined if there is none. */
function lastOf(...texts: readonly (string | undefined)[]): string | undefined {
  return texts
    .filter((one) => one !== undefined)
    .toSorted()
    .at(-1);
}

/** Nouns whose rows have a sequence each. */
export type ListedNoun =
  | 'candidates'
  | 'promotions'
  | 'tasks'
  | 'results'
  | 'reports'
  | 'waivers'
  | 'access_tokens'
  | 'purges';

/** Lets a noun's next sequence be above all that are there: its counter has fallen behind, as after a restore in part. */
export async function catchUp<R extends ListedRow>(
  database: Database,
  collection: Collection<R>,
  noun: ListedNoun,
): Promise<void> {
  const highest = await database.first(collection, {
    index: `${noun}_sequence`,
    filter: {},
    sort: { sequence: -1 },
    fields: { sequence: 1 },
  });
  if (highest !== undefined) await database.counters.raise(noun, highest.sequence);
}
