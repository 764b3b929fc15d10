/** The most tags in one answer, also when a client asks for more or for all: the rest follows by `Link`. */
export const MAX_PAGE = 10_000;

/** What part of a repository's tags a client asks for (distribution-spec, "Listing Tags"). */
export interface TagQuery {
  readonly limit: number;
  /** The last tag that the client has; it need not exist (any more). */
  readonly last?: string;
  /** Whether the client named a number, which its next page then names too. */
  readonly limited: boolean;
}

/** Reads `n` and `last` of a query string; undefined when `n` is not a whole number from 0 up. */
export function parseTagQuery(query: string): TagQuery | undefined {
  if (query === '') return { limit: MAX_PAGE, limited: false };
  const parameters = new URLSearchParams(query);
  const n = parameters.get('n');
  const last = parameters.get('last');
  if (n !== null && !/^[0-9]+$/.test(n)) return undefined;
  return {
    limit: n === null ? MAX_PAGE : Math.min(Number(n), MAX_PAGE),
    limited: n !== null,
    ...(last === null || last === '' ? {} : { last }),
  };
}

/**
 * The tags of one page.
 * @param sorted all tags, in the order of their code units
 * @returns `next` is the last tag of the page when more follow; a page of none has no next, as it would be the same again
 */
export function tagPage(
  sorted: readonly string[],
  { limit, last }: TagQuery,
): { tags: readonly string[]; next?: string } {
  const start = last === undefined ? 0 : firstAfter(sorted, last);
  const end = Math.min(start + limit, sorted.length);
  const next = end < sorted.length ? sorted[end - 1] : undefined;
  const tags = start === 0 && end === sorted.length ? sorted : sorted.slice(start, end);
  return { tags, ...(next === undefined || tags.length === 0 ? {} : { next }) };
}

/** The index of the first name that sorts after `last`. */
export function firstAfter(sorted: readonly string[], last: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as string) > last) high = middle;
    else low = middle + 1;
  }
  return low;
}
