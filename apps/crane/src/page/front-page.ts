import type { Statement } from '@gantry/tree';
import type { MirrorState } from '../choose/mirror.ts';
import { foundList, type FoundPage } from './found-page.ts';
import { html, type Html } from './html.ts';
import { repositoryLink } from './links.ts';
import { mirrorBars } from './mirror-bars.ts';

/** What the front page tells. */
export interface FrontPage {
  readonly host: string;
  /** What is served; absent: nothing is published yet. */
  readonly statement?: Statement;
  readonly expired: boolean;
  /** How many repositories there are in all. */
  readonly repositories: number;
  /** What people look for; '' for all. */
  readonly search: string;
  /** Of the page before; '' on the first. */
  readonly last: string;
  readonly names: readonly string[];
  /** The last name of this page, when more follow. */
  readonly next?: string;
  /** Whether what is said of repositories can be looked for, beside names. */
  readonly hasSearch: boolean;
  /** What that found; absent: it was not looked for. */
  readonly found?: FoundPage | 'not now';
  readonly mirrors: readonly MirrorState[];
}

/** Repositories and mirrors. */
export function frontPage(page: FrontPage): Html {
  const { host, statement, expired, repositories, search, hasSearch, found, mirrors } = page;
  if (statement === undefined)
    return html`<h1>Images at ${host}</h1>
      <p>Nothing is published yet.</p>`;
  return html`<h1>Images at ${host}</h1>
    <p class="soft">
      ${counted(repositories)}. Serial ${statement.serial}, published ${time(statement.published)}.
    </p>
    ${expired && html`<p class="alarm">This serial expired ${time(statement.expires)}: what is newer may be missing.</p>`}
    <form role="search" action="/" method="get">
      <div>
        <label for="q">Find repositories by name${hasSearch && ' or description'}</label
        ><input id="q" name="q" type="search" maxlength="255" autocomplete="off" value="${search}" />
      </div>
      <button>Find</button>
    </form>
    ${found === 'not now' && html`<p>Just names are looked through now: descriptions will be again soon.</p>`}
    ${found === undefined || found === 'not now' ? listOf(page) : foundList(found, search)}
    ${mirrorBars(mirrors, statement.serial)}`;
}

function listOf({ names, search, last, next }: FrontPage): Html {
  const links = [
    (last !== '' || search !== '') && html`<a href="/">All from the beginning</a>`,
    next !== undefined && html`<a rel="next" href="${frontLink(search, next)}">More</a>`,
  ].filter((link) => link !== false);
  return html`<section aria-labelledby="repositories">
    <h2 id="repositories">Repositories</h2>
    ${
      names.length === 0
        ? html`<p>
            ${search === '' ? 'There are no more.' : html`No name${last !== '' && ' that follows'} holds “${search}”.`}
          </p>`
        : html`<ul class="names">
            ${names.map((name) => html`<li><a href="${repositoryLink(name)}">${name}</a></li> `)}
          </ul>`
    }
    ${links.length > 0 && html`<nav aria-label="Pages of repositories">${links}</nav>`}
  </section>`;
}

function counted(repositories: number): string {
  return repositories === 1 ? 'One repository' : `${repositories.toLocaleString('en')} repositories`;
}

function time(rfc3339: string): Html {
  return html`<time datetime="${rfc3339}">${rfc3339.slice(0, 16).replace('T', ' ')} UTC</time>`;
}

function frontLink(search: string, last: string): string {
  return `/?${String(new URLSearchParams({ ...(search !== '' && { q: search }), last }))}`;
}
