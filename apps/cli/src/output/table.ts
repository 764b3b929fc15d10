import { printable } from './text.ts';

/** A column: its heading, and what a row has there. */
export interface Column<T> {
  readonly heading: string;
  readonly cell: (row: T) => string | number;
  /** Numbers stand at the right. */
  readonly align?: 'right';
}

/** Rows under headings, each column as wide as its widest cell, two spaces between. Ends with a line break. */
export function formatTable<T>(rows: readonly T[], columns: readonly Column<T>[]): string {
  const cells = [
    columns.map(({ heading }) => heading),
    ...rows.map((row) => columns.map(({ cell }) => printable(String(cell(row))))),
  ];
  const widths = columns.map((_, at) =>
    cells.reduce((widest, line) => Math.max(widest, line[at]?.length ?? 0), 0),
  );
  const formatLine = (line: readonly string[]) =>
    line
      .map((cell, at) =>
        columns[at]?.align === 'right' ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0),
      )
      .join('  ')
      .trimEnd();
  return cells.map((line) => `${formatLine(line)}\n`).join('');
}

/** A line for each row, its cells with a tab between them: for `cut` and the like. */
export function formatPlain<T>(rows: readonly T[], columns: readonly Column<T>[]): string {
  return rows
    .map((row) => `${columns.map(({ cell }) => printable(String(cell(row)))).join('\t')}\n`)
    .join('');
}
