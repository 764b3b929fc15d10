/** The record in a row's `document` column. It is trusted: nothing but the catalog writes there. */
export function documentIn(row: unknown): unknown {
  return JSON.parse((row as { document: string }).document);
}

/** What `read` makes of a row; undefined when there is no row. */
export function maybe<T>(row: unknown, read: (row: unknown) => T): T | undefined {
  return row === undefined ? undefined : read(row);
}
