import { readFileSync } from 'node:fs';
import { type FaultCode, FAULTS, problemType } from '@gantry/oci';
import { ROUTES } from '../route-table.ts';

/** The rows of the table in docs/api.md whose first cell begins like that. */
function rows(start: RegExp): string[][] {
  const text = readFileSync(new URL('../../../../../docs/api.md', import.meta.url), 'utf8');
  return text
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
    .filter(([first = '']) => start.test(first));
}

describe('docs/api.md', () => {
  test('lists each problem type of the table of faults with its status and meaning, and no other', () => {
    const expected = Object.entries(FAULTS).map(([code, { status, title }]) => [
      `\`${problemType(code as FaultCode).slice('urn:gantry:problem:'.length)}\``,
      String(status),
      title,
    ]);
    const listed = rows(/^`[a-z-]+`$/).map((cells) => cells.slice(0, 3));
    expect(listed.toSorted(byFirst)).toEqual(expected.toSorted(byFirst));
  });

  test('lists each route with its scope, and no other', () => {
    const expected = ROUTES.map(({ method, path, access }) => [
      `\`${method} ${path}\``,
      access === 'open' ? 'none' : `\`${access.shown}\``,
    ]);
    expect(rows(/^`(?:GET|POST|DELETE) /).map((cells) => cells.slice(0, 2))).toEqual(expected);
  });
});

function byFirst([a = '']: string[], [b = '']: string[]): number {
  return a < b ? -1 : 1;
}
