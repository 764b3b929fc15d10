import type { SQLOutputValue, StatementSync } from 'node:sqlite';
import type { Page, PageRequest } from '../catalog.ts';
import { cursorsOf, pageOf, rowsFor } from '../page.ts';
import type { Timestamp } from '../records.ts';
import type { Database } from './database.ts';

type Row = Record<string, SQLOutputValue>;

/** Gives the pages of one table's list. A filter that is undefined does not restrict. */
export type List<T, Filter extends string> = (
  wanted: { readonly [F in Filter]: string | undefined },
  page: PageRequest & { readonly since?: Timestamp | undefined },
) => Page<T>;

/**
 * The list of a table, newest first by a column with a time, then by `place`. Every set of filters is a statement of its
 * own, bound to the index `<table>_list_<filters>` over `(filters…, time, place)`; with the column of `only` before the time.
 */
export function newestFirst<T, Filter extends string>(
  database: Database,
  table: {
    readonly name: string;
    readonly columns: string;
    readonly time: string;
    readonly filters: readonly Filter[];
    /** Sets of filters that have an index; of those that lie within the filters given, the last one is taken. */
    readonly indexes: readonly (readonly Filter[])[];
    readonly item: (row: Row) => T;
    /** What every item has, such as `kept = 1`; absent: all rows are items. */
    readonly only?: string;
  },
): List<T, Filter> {
  const { name, time, filters } = table;
  const only = table.only === undefined ? '' : `${table.only} AND `;
  const cursors = cursorsOf(name, ['string', 'number']);
  const statements = new Map<string, StatementSync>();
  for (const some of subsets(filters)) {
    const indexed = table.indexes.findLast((index) => index.every((filter) => some.includes(filter))) ?? [];
    const equal = some.map((filter) => `${filter} = :${filter} AND `).join('') + only;
    statements.set(
      some.join(),
      database.prepare(`
        SELECT ${table.columns}, ${time} AS cursor_time, place AS cursor_place
        FROM ${name} INDEXED BY ${[name, 'list', ...indexed].join('_')}
        WHERE ${equal}${time} >= :since AND (${time}, place) < (:beforeTime, :beforePlace)
        ORDER BY ${time} DESC, place DESC LIMIT :rows
      `),
    );
  }
  return (wanted, { limit, cursor, since = '' }) => {
    const given = filters.filter((filter) => wanted[filter] !== undefined);
    const [beforeTime, beforePlace] = cursor === undefined ? AFTER_ALL : cursors.decode(cursor);
    const values: Record<string, string | number> = {
      since,
      beforeTime,
      beforePlace,
      rows: rowsFor(limit),
    };
    for (const filter of given) values[filter] = wanted[filter] as string;
    const rows = (statements.get(given.join()) as StatementSync).all(values);
    return pageOf(rows, limit, table.item, (last) =>
      cursors.encode([last['cursor_time'] as string, last['cursor_place'] as number]),
    );
  };
}

/** Later than any time: `~` sorts after all that a timestamp can begin with. */
const AFTER_ALL = ['~', Number.MAX_SAFE_INTEGER] as const;

function subsets<T>(all: readonly T[]): T[][] {
  return all.reduce<T[][]>((sets, one) => [...sets, ...sets.map((set) => [...set, one])], [[]]);
}
