import type { IncomingMessage } from 'node:http';
import { asFault, isRepositoryName } from '@gantry/oci';
import { type Answer, RETRY_AFTER_SECONDS } from '../answer/answer.ts';
import type { Repository } from '../repositories/repository.ts';
import type { MirrorState } from '../choose/mirror.ts';
import { nameOfNone } from '../private/guard.ts';
import type { ReadableNames } from '../private/readable-names.ts';
import type { Reader } from '../private/reader.ts';
import { namePage } from '../repositories/published-names.ts';
import type { RareErrors } from '../rare-errors.ts';
import type { Repositories } from '../repositories/repositories.ts';
import type { Search } from '../search/search.ts';
import type { TreeState } from '../follow/tree-follower.ts';
import { describeTags } from './describe-tags.ts';
import { pageAnswer } from './frame.ts';
import { findPage } from './found-page.ts';
import { frontPage } from './front-page.ts';
import { html } from './html.ts';
import type { FactsReader } from './manifest-facts.ts';
import { pullHost } from './pull-host.ts';
import { repositoryPage } from './repository-page.ts';
import { orderTags } from './tag-order.ts';

/** What a person with a browser is shown at `/`. */
export interface Page {
  /** @param query the string behind `?`: `q` with `last` or `page` on the front page, `repository` and `page` for one of them */
  answer(request: IncomingMessage, query: string, reader: Reader): Promise<Answer>;
}

export interface PageOptions {
  readonly readableNames: ReadableNames;
  readonly repositories: Pick<Repositories, 'find'>;
  readonly facts: FactsReader;
  readonly treeState: () => TreeState;
  readonly mirrors: () => readonly MirrorState[];
  /** Looks for what is said of repositories; absent: just names are looked through. */
  readonly search?: Search;
  /** The crane's own public host. */
  readonly name?: string;
  readonly tellError: RareErrors;
}

const NAMES_ON_A_PAGE = 60;
const TAGS_ON_A_PAGE = 20;
/** The longest text that is looked for: no name is longer. */
const MAX_SEARCH = 255;
/** Pages of a repository read documents: so many are made at a time, and pulls don't wait for more. */
const MADE_AT_ONCE = 8;

export function createPage(options: PageOptions): Page {
  const { readableNames, repositories, facts, treeState, mirrors, tellError } = options;
  let making = 0;

  const front = async (host: string, asked: URLSearchParams, reader: Reader): Promise<Answer> => {
    const tree = treeState();
    if (tree.state === 'unreadable') return unreadable(host);
    const view = tree.state === 'following' ? tree.view : undefined;
    const statement = view?.statement;
    const text = (asked.get('q') ?? '').trim().toLowerCase().slice(0, MAX_SEARCH);
    const last = asked.get('last') ?? '';
    const shards = await readableNames(reader);
    const page = namePage(shards, { limit: NAMES_ON_A_PAGE, last, holding: text });
    const found =
      options.search === undefined || view === undefined || text === '' || last !== ''
        ? undefined
        : await findPage(options.search, { text, page: pageNumber(asked.get('page')), reader, view });
    const main = frontPage({
      host,
      ...(statement !== undefined && { statement }),
      expired: statement !== undefined && Date.parse(statement.expires) <= Date.now(),
      repositories: shards.reduce((total, names) => total + names.length, 0),
      search: text,
      last,
      ...page,
      hasSearch: options.search !== undefined,
      ...(found !== undefined && { found }),
      mirrors: mirrors(),
    });
    return pageAnswer({ title: `Images at ${host}`, host, main }, statement?.serial ?? 0);
  };

  const ofRepository = async (
    host: string,
    name: string,
    asked: URLSearchParams,
    reader: Reader,
  ): Promise<Answer> => {
    const known = reader.mayRead(name) ? name : nameOfNone(name);
    const lookup = isRepositoryName(name) ? await repositories.find(known) : undefined;
    if (lookup?.state === 'unreadable') return unreadable(host);
    if (lookup?.state !== 'known') return unknown(host, name);
    if (making >= MADE_AT_ONCE) return unreadable(host);
    making++;
    try {
      return await withTags(host, name, lookup, pageNumber(asked.get('page')));
    } finally {
      making--;
    }
  };

  const withTags = async (
    host: string,
    name: string,
    repository: Repository,
    wanted: number,
  ): Promise<Answer> => {
    const ordered = orderTags(repository.tagNames());
    const pages = Math.max(Math.ceil(ordered.length / TAGS_ON_A_PAGE), 1);
    const page = Math.min(wanted, pages);
    const shown = ordered.slice((page - 1) * TAGS_ON_A_PAGE, page * TAGS_ON_A_PAGE);
    const tags = await describeTags(shown, repository, facts, (error) =>
      tellError({ route: 'page', repository: name }, asFault(error).message),
    );
    const main = repositoryPage({ host, name, tagCount: ordered.length, page, pages, tags });
    // Whoever knows a repository knows a serial, and keeps it until the next one.
    const { serial } = (treeState() as Extract<TreeState, { state: 'following' }>).view.statement;
    return pageAnswer({ title: `${name} at ${host}`, host, main }, serial);
  };

  return {
    async answer(request, query, reader) {
      const host = pullHost(request.headers.host, options.name);
      const asked = new URLSearchParams(query);
      const name = asked.get('repository');
      try {
        return name === null
          ? await front(host, asked, reader)
          : await ofRepository(host, name, asked, reader);
      } catch (error) {
        tellError({ route: 'page' }, asFault(error).message);
        return unreadable(host);
      }
    },
  };
}

function pageNumber(text: string | null): number {
  return text !== null && /^[1-9][0-9]{0,8}$/.test(text) ? Number(text) : 1;
}

function unknown(host: string, name: string): Answer {
  const main = html`<h1>Not found</h1>
    <p>Nothing is published as “${name}”.</p>
    <p><a href="/">All repositories</a></p>`;
  return pageAnswer({ title: `Not found at ${host}`, host, main }, 0, { status: 404 });
}

function unreadable(host: string): Answer {
  const main = html`<h1>Not now</h1>
    <p>This can not be shown just now. Please try again in a few seconds.</p>`;
  return pageAnswer({ title: `Not now: ${host}`, host, main }, 0, {
    status: 503,
    headers: ['Retry-After', String(RETRY_AFTER_SECONDS)],
  });
}
