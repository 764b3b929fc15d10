import type { Output } from '../cli.ts';
import { type Column, formatTable } from './table.ts';

/** Data as JSON, indented, to standard output. */
export function writeJson(stdout: Output, value: unknown): void {
  stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

/**
 * A list: as the API's `{items, next}` with all pages in one, or as a table.
 * @param nothing what is said on standard error of an empty table
 */
export function writeList<T>(
  { stdout, stderr }: { readonly stdout: Output; readonly stderr: Output },
  output: 'table' | 'json',
  items: readonly T[],
  columns: readonly Column<T>[],
  nothing: string,
): void {
  if (output === 'json') writeJson(stdout, { items, next: null });
  else if (items.length === 0) stderr.write(`${nothing}\n`);
  else stdout.write(formatTable(items, columns));
}
