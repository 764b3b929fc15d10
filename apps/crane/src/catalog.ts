import { type Answer, badCount, jsonAnswer, SHORT_LIVED } from './answer.ts';
import type { ReadableNames } from './private/readable-names.ts';
import type { Reader } from './private/reader.ts';
import { namePage } from './published-names.ts';
import { parseTagQuery } from './tag-page.ts';

/** The most names in one answer; the rest follows by `Link`. */
const MAX_NAMES = 1000;

/** Published names, page by page (distribution-spec, "Listing Repositories" of version 1.0 and before). */
export interface Catalog {
  /** The answer for the query string of `/v2/_catalog`. */
  answer(query: string, reader: Reader): Promise<Answer>;
}

export function createCatalog(readableNames: ReadableNames): Catalog {
  return {
    async answer(query, reader) {
      const asked = parseTagQuery(query);
      if (asked === undefined) return badCount('catalog');
      const limit = Math.min(asked.limit, MAX_NAMES);
      const { last } = asked;
      const { names, next } = namePage(await readableNames(reader), {
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
