import { type Answer, jsonAnswer, SHORT_LIVED } from './answer.ts';
import { namePage, type PublishedNames } from './published-names.ts';
import { parseTagQuery } from './tag-page.ts';

/** The most names in one answer; the rest follows by `Link`. */
const MAX_NAMES = 1000;

/** Published names, page by page (distribution-spec, "Listing Repositories" of version 1.0 and before). */
export interface Catalog {
  /** The answer for the query string of `/v2/_catalog`; undefined when `n` is not a whole number from 0 up. */
  answer(query: string): Promise<Answer | undefined>;
}

export function createCatalog(publishedNames: PublishedNames): Catalog {
  return {
    async answer(query) {
      const asked = parseTagQuery(query);
      if (asked === undefined) return undefined;
      const limit = Math.min(asked.limit, MAX_NAMES);
      const { last } = asked;
      const { names, next } = namePage(await publishedNames(), {
        limit,
        ...(last !== undefined && { last }),
      });
      const count = asked.limited ? `n=${limit}&` : '';
      const link =
        next === undefined
          ? []
          : ['Link', `</v2/_catalog?${count}last=${encodeURIComponent(next)}>; rel="next"`];
      return jsonAnswer('catalog', JSON.stringify({ repositories: names }), [...SHORT_LIVED, ...link]);
    },
  };
}
