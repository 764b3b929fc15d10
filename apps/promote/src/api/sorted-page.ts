import { z } from 'zod';
import { cursorsOf } from './cursor.ts';

/** Cuts pages out of a list that is at hand as a whole. What comes or goes between two pages shifts nothing. */
export type SortedPage<T> = (
  items: readonly T[],
  query: { readonly limit: number; readonly cursor?: string },
) => { readonly items: readonly T[]; readonly next: string | null };

/**
 * @param list the list's name, for its cursors
 * @param keyOf what it is sorted by, different for each item; the first part counts most
 */
export function sortedPages<T>(list: string, keyOf: (item: T) => readonly string[]): SortedPage<T> {
  const cursors = cursorsOf(list, z.array(z.string()));
  return (items, { limit, cursor }) => {
    const after = cursor === undefined ? undefined : cursors.decode(cursor);
    const sorted = items
      .map((item) => ({ item, key: keyOf(item) }))
      .toSorted((a, b) => compare(a.key, b.key));
    const rest = after === undefined ? sorted : sorted.filter(({ key }) => compare(key, after) > 0);
    const shown = rest.slice(0, limit);
    const last = rest.length > shown.length ? shown.at(-1) : undefined;
    return {
      items: shown.map(({ item }) => item),
      next: last === undefined ? null : cursors.encode([...last.key]),
    };
  };
}

function compare(a: readonly string[], b: readonly string[]): number {
  for (const [index, part] of a.entries()) {
    const other = b[index] ?? '';
    if (part !== other) return part < other ? -1 : 1;
  }
  return a.length - b.length;
}
