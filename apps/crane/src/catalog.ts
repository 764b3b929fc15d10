import type { TreeView } from '@gantry/tree';
import { type Answer, jsonAnswer, SHORT_LIVED } from './answer.ts';
import { firstAfter, parseTagQuery, type TagQuery } from './tag-page.ts';

/** The most names in one answer; the rest follows by `Link`. */
const MAX_NAMES = 1000;

/** Published names, page by page (distribution-spec, "Listing Repositories" of version 1.0 and before). */
export interface Catalog {
  /** The answer for the query string of `/v2/_catalog`; undefined when `n` is not a whole number from 0 up. */
  answer(query: string): Promise<Answer | undefined>;
}

/** @param view the serial that is served; undefined: there is none, and so no name */
export function createCatalog(view: () => TreeView | undefined): Catalog {
  /** The sorted names of each shard of the present serial, by its digest: a new serial has those sorted that changed. */
  let sorted = new Map<string, readonly string[]>();

  const namesOf = async (present: TreeView): Promise<readonly (readonly string[])[]> => {
    const next = new Map<string, readonly string[]>();
    for (const [key, digest] of present.shards) {
      const names = sorted.get(digest) ?? [...(await present.shard(key)).repositories.keys()].toSorted();
      next.set(digest, names);
    }
    sorted = next;
    return [...next.values()];
  };

  return {
    async answer(query) {
      const asked = parseTagQuery(query);
      if (asked === undefined) return undefined;
      const present = view();
      const shards = present === undefined ? [] : await namesOf(present);
      const limit = Math.min(asked.limit, MAX_NAMES);
      const { names, next } = catalogPage(shards, { ...asked, limit });
      const count = asked.limited ? `n=${limit}&` : '';
      const link =
        next === undefined
          ? []
          : ['Link', `</v2/_catalog?${count}last=${encodeURIComponent(next)}>; rel="next"`];
      return jsonAnswer('catalog', JSON.stringify({ repositories: names }), [...SHORT_LIVED, ...link]);
    },
  };
}

/**
 * The names of one page, of sorted lists that have no name in common.
 * @returns `next` is the last name of the page when more follow; a page of none has no next
 */
export function catalogPage(
  shards: readonly (readonly string[])[],
  { limit, last = '' }: Pick<TagQuery, 'limit' | 'last'>,
): { readonly names: readonly string[]; readonly next?: string } {
  // Names are spread over the shards by chance: a page has about as many of each. Where it has more of one, more are taken.
  for (let taken = Math.ceil((2 * limit) / Math.max(shards.length, 1)) + 8; ; taken *= 2) {
    let cutAt: string | undefined;
    const names = shards
      .flatMap((shard) => {
        const from = firstAfter(shard, last);
        const end = from + taken;
        const cut = end < shard.length ? shard[end] : undefined;
        if (cut !== undefined && (cutAt === undefined || cut < cutAt)) cutAt = cut;
        return shard.slice(from, end);
      })
      .toSorted();
    const isWhole = cutAt === undefined || (names[limit] !== undefined && names[limit] < cutAt);
    if (isWhole) return pageOf(names, limit);
  }
}

function pageOf(names: readonly string[], limit: number): ReturnType<typeof catalogPage> {
  const page = names.slice(0, limit);
  const next = names.length > limit ? page.at(-1) : undefined;
  return { names: page, ...(next !== undefined && { next }) };
}
