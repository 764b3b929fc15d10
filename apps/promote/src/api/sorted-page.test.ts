import { sortedPages } from './sorted-page.ts';

const page = sortedPages<readonly [string, string]>('pairs', (pair) => pair);
const PAIRS: [string, string][] = [
  ['b', '1'],
  ['a', '2'],
  ['a', '1'],
  ['a', '10'],
];

describe('pages of a list at hand', () => {
  test('come in order, each item once, and the last has no next', () => {
    const first = page(PAIRS, { limit: 3 });
    expect(first.items).toEqual([
      ['a', '1'],
      ['a', '10'],
      ['a', '2'],
    ]);
    const second = page(PAIRS, { limit: 3, cursor: first.next ?? '' });
    expect(second).toEqual({ items: [['b', '1']], next: null });
    expect(page(PAIRS, { limit: 4 }).next).toBeNull();
  });

  test('are not shifted by what goes between two of them', () => {
    const { next } = page(PAIRS, { limit: 2 });
    const rest = PAIRS.filter(([a, b]) => a !== 'a' || b !== '10');
    expect(page(rest, { limit: 2, cursor: next ?? '' }).items).toEqual([
      ['a', '2'],
      ['b', '1'],
    ]);
  });
});
