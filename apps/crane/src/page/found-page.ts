import type { TreeView } from '@gantry/tree';
import type { Reader } from '../private/reader.ts';
import { isFailure } from '../search/backend.ts';
import type { Search } from '../search/search.ts';
import { html, type Html } from './html.ts';
import { pageLink, repositoryLink } from './links.ts';

/** What a search found, a page of it. */
export interface FoundPage {
  readonly results: readonly ShownResult[];
  /** From 1. */
  readonly page: number;
  readonly pages: number;
}

export interface ShownResult {
  readonly name: string;
  /** '' where nothing is said. */
  readonly description: string;
  /** The tree has it, and so there is a page of it. */
  readonly hasPage: boolean;
}

export interface FoundPageOptions {
  readonly text: string;
  readonly page: number;
  readonly reader: Reader;
  /** The serial that is served. */
  readonly view: TreeView;
}

const RESULTS_ON_A_PAGE = 60;

export async function findPage(
  search: Search,
  { text, page: wanted, reader, view }: FoundPageOptions,
): Promise<FoundPage | 'not now'> {
  const found = await search.find(text, reader);
  if (isFailure(found)) return 'not now';
  const pages = Math.max(Math.ceil(found.length / RESULTS_ON_A_PAGE), 1);
  const page = Math.min(wanted, pages);
  const shown = found.slice((page - 1) * RESULTS_ON_A_PAGE, page * RESULTS_ON_A_PAGE);
  const results = shown.map(async ({ name, description, isElsewhere }) => {
    const hasPage = isElsewhere !== true && (await view.repositoryDigest(name)) !== undefined;
    return { name, description, hasPage };
  });
  return { results: await Promise.all(results), page, pages };
}

/** @param text that was looked for */
export function foundList({ results, page, pages }: FoundPage, text: string): Html {
  const links = [
    html`<a href="/">All from the beginning</a>`,
    ...(page < pages ? [html`<a rel="next" href="${pageLink({ q: text }, page + 1)}">More</a>`] : []),
  ];
  return html`<section aria-labelledby="repositories">
    <h2 id="repositories">Repositories</h2>
    ${
      results.length === 0
        ? html`<p>Nothing is found for “${text}”.</p>`
        : html`<ul class="found">
            ${results.map(
              ({ name, description, hasPage }) =>
                html`<li>
                  ${hasPage ? html`<a href="${repositoryLink(name)}">${name}</a>` : html`<b>${name}</b>`}
                  ${description !== '' && html`<p class="soft">${description}</p>`}
                </li> `,
            )}
          </ul>`
    }
    <nav aria-label="Pages of repositories">${links}</nav>
  </section>`;
}
