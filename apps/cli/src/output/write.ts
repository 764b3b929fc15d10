import type { GlobalOptions, Output } from '../cli.ts';
import { type Column, formatPlain, formatTable } from './table.ts';

/** Data as JSON, indented, to standard output. */
export function writeJson(stdout: Output, value: unknown): void {
  stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

/**
 * A list: as the API's `{items, next}` with all pages in one, as a table, or as lines for scripts.
 * @param nothing what is said on standard error of an empty table
 */
export function writeList<T>(
  { stdout, stderr }: { readonly stdout: Output; readonly stderr: Output },
  output: GlobalOptions['output'],
  items: readonly T[],
  columns: readonly Column<T>[],
  nothing: string,
): void {
  if (output === 'json') writeJson(stdout, { items, next: null });
  else if (output === 'plain') stdout.write(formatPlain(items, columns));
  else if (items.length === 0) stderr.write(`${nothing}\n`);
  else stdout.write(formatTable(items, columns));
}
