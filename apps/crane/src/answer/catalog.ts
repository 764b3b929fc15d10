import { type Answer, badCount, jsonAnswer, SHORT_LIVED } from './answer.ts';
import type { ReadableNames } from '../private/readable-names.ts';
import type { Reader } from '../private/reader.ts';
import { namePage } from '../repositories/published-names.ts';
import type { RedirectJson } from '../redirect-json/redirect-json.ts';
import { parseTagQuery } from './tag-page.ts';

/** The most names in one answer; the rest follows by `Link`. */
const MAX_NAMES = 1000;

/** Published names, page by page (distribution-spec, "Listing Repositories" of version 1.0 and before). */
export interface Catalog {
  /** The answer for the query string of `/v2/_catalog`. */
  answer(query: string, reader: Reader): Promise<Answer>;
}

/** @param redirectJson tells of further names; absent: nothing does */
export function createCatalog(
  readableNames: ReadableNames,
  redirectJson?: Pick<RedirectJson, 'readableNames'>,
): Catalog {
  return {
    async answer(query, reader) {
      const asked = parseTagQuery(query);
      if (asked === undefined) return badCount('catalog');
      const limit = Math.min(asked.limit, MAX_NAMES);
      const { last } = asked;
      const lists = await readableNames(reader);
      const further = redirectJson?.readableNames(reader);
      const { names, next } = namePage(further === undefined ? lists : [...lists, further], {
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
