import type { IncomingMessage } from 'node:http';
import { Fault, isRepositoryName, quote } from '@gantry/oci';
import { type Answer, errorAnswer, unavailable } from '../answer/answer.ts';
import type { Count } from '../counters.ts';
import type { CraneLogger } from '../options.ts';
import type { Reader } from '../private/reader.ts';
import { rareErrors } from '../rare-errors.ts';
import { decodePath, type NamedRoute, pathOf, type Route } from '../answer/route.ts';
import { type CdnOptions, createCdn } from './cdn.ts';
import { type ContentOptions, createContent } from './content.ts';
import { createFileNames } from './file-names.ts';
import { createFileReader, type FileTally } from './file-reader.ts';
import { followDirectories } from './follow-directories.ts';
import { createLeadsTo, refuseOwnName } from './leads-to.ts';
import { type LocatableRoute, locate, locateAsCrane } from './locate.ts';
import { readableFile } from './may-read-file.ts';
import { linkAnswer, redirectAnswer } from './redirect-answer.ts';
import type { PathsFile, RedirectFile } from './redirect-file.ts';
import { createRepositoriesPage, parseRepositoriesPath } from './repositories-page.ts';
import { createRepositoryTable, type Duplicate } from './repository-table.ts';
import { splitPath } from './split-path.ts';
import { answerV1, errorV1, parseV1, redirectV1, USER_CREATED } from './v1.ts';

/** What is configured of redirect JSON. */
export interface RedirectJsonOptions {
  readonly directories: readonly string[];
  /** Redirects, and which names and paths there are, are just as Pulp's Crane has them. */
  readonly compat: boolean;
  readonly cdn: CdnOptions;
  /** Absent: all is redirected. */
  readonly content?: Omit<ContentOptions, 'compat'>;
  /** The host that X-Docker-Endpoints names; absent: the one that was asked. */
  readonly endpoint?: string;
  readonly status: 302 | 307;
}

/** What Pulp and its Crane know of repositories, beside a tree or without one. */
export interface RedirectJson extends Disposable {
  /**
   * The answer to a request that the tree has none for: of the API of today about a repository that redirect files tell
   * of, of the one before, or a list of these repositories. Undefined: redirect files say nothing of it.
   * @param isHttps whether the client came by https: it is then sent to https alone, but as Pulp's Crane to either
   */
  answer(
    request: IncomingMessage,
    route: Route,
    reader: Reader,
    isHttps?: boolean,
  ): Answer | Promise<Answer> | undefined;
  /** The answer to a POST; undefined: it is none that Pulp's Crane takes. */
  answerPost(target: string): Answer | undefined;
  /**
   * The names of today's API that somebody may read, sorted.
   * @throws Fault UNAVAILABLE while not all directories were looked at once
   */
  readableNames(reader: Reader): readonly string[];
  /**
   * Whether there is a repository of that name, of either API, for somebody.
   * @throws Fault UNAVAILABLE as {@link readableNames}
   */
  has(name: string, reader: Reader): boolean;
  /** All files that are served, of both APIs. */
  repositories(): IteratorObject<RedirectFile>;
  /** Grows with each change of these files. */
  readonly changes: number;
  /** Whether all directories were looked at once. */
  readonly isRead: boolean;
  readonly tally: FileTally;
  /** The hosts that redirects lead to, sorted. */
  readonly hosts: readonly string[];
  readonly duplicates: readonly Duplicate[];
  /** Directories, and file systems below them, that are empty or can't be read, while what was read of them is served on. */
  readonly lost: readonly string[];
  /** Looks at all directories now. */
  look(): Promise<void>;
}

export function createRedirectJson(
  options: RedirectJsonOptions,
  { logger, failures, publicName }: { logger: CraneLogger; failures: Count; publicName?: string | undefined },
): RedirectJson {
  const { compat } = options;
  const content = options.content && createContent({ ...options.content, compat }, rareErrors(logger));
  const leadsTo = createLeadsTo(options.cdn, {
    paths: content?.located !== undefined,
    images: content?.image !== undefined,
  });
  const table = createRepositoryTable(
    ({ name, served, left }) =>
      logger.warn(
        { name, served, left },
        `${quote(name)} stands in two redirect files: ${served} is served, ${left} is not, as its directory is configured later, or its path is sorted behind`,
      ),
    leadsTo,
  );
  const reader = createFileReader({
    table,
    // What no client can ask for is told of, and not kept.
    isName: compat ? () => true : isRepositoryName,
    check: (file) => refuseOwnName(leadsTo(file), publicName),
    logger,
    onFailure: () => failures.value++,
  });
  const directories = followDirectories(options.directories, reader, logger);
  const fitToCdn = createCdn(options.cdn);
  const page = createRepositoriesPage(table);
  const names = createFileNames(table);

  const find = (name: string, who: Reader): PathsFile | undefined =>
    readableFile(who, name, table.paths(name), table);

  const refuseUnread = (): void => {
    if (!directories.isRead) throw new Fault('UNAVAILABLE', UNREAD);
  };

  const answerV2 = (request: IncomingMessage, route: NamedRoute, who: Reader, isHttps: boolean) => {
    const file = find(route.name, who);
    if (file === undefined) return undefined;
    if (route.kind === 'referrers')
      // 404 tells clients to look for the tag that referrers have where there is no such API.
      return errorAnswer('referrers', 404, 'UNSUPPORTED', 'redirect files tell of no referrers');
    if (route.kind === 'manifest' && route.serial !== undefined)
      return errorAnswer('manifest', 404, 'MANIFEST_UNKNOWN', `${quote(route.name)} has no serials`);
    const located = locate(file, route satisfies LocatableRoute, request.headers.accept);
    if (content?.located !== undefined) return content.located(file, located);
    const url = fitToCdn(file.base + located.path, queryOf(request.url as string));
    if (isHttps && isPlain(url)) return unavailable(located.what, LEAVES_HTTPS);
    return redirectAnswer(located.what, url, options.status);
  };

  const answerAsCrane = (request: IncomingMessage, path: string, who: Reader) => {
    const split = splitPath(path.slice('/v2/'.length));
    const file = split && find(split.name, who);
    if (split === undefined || file === undefined) return undefined;
    const located = locateAsCrane(file, split, request.headers.accept);
    if (located === undefined) return UNKNOWN;
    if (content?.located !== undefined) return content.located(file, located);
    return linkAnswer(located.what, fitToCdn(file.base + located.path));
  };

  const answerOther = (request: IncomingMessage, path: string, who: Reader, isHttps: boolean) => {
    const list = parseRepositoriesPath(path);
    const host = request.headers.host ?? '';
    if (list !== undefined) return page.answer(list, request.headers.accept, host, who);
    const route = parseV1(path);
    if (route === undefined) return undefined;
    const answer = answerV1(route, { table, endpoint: options.endpoint ?? host, reader: who });
    if ('status' in answer) return answer;
    if (content?.image !== undefined) return content.image(answer);
    return isHttps && !compat && isPlain(answer.repository.base) ? errorV1(503) : redirectV1(answer);
  };

  return {
    answer(request, route, who, isHttps = false) {
      if ('name' in route) {
        if (!compat) return directories.isRead ? answerV2(request, route, who, isHttps) : NOT_READ;
      } else if (!isLeftOver(route)) return undefined;
      const path = decodePath(withoutQuery(pathOf(request.url as string)), compat);
      if (path === undefined || !OWN_PATHS.test(path)) return undefined;
      const isV2 = path.startsWith('/v2/');
      if (isV2 && !compat) return undefined;
      if (!directories.isRead) return NOT_READ;
      if (!isV2) return answerOther(request, path, who, isHttps);
      // What is no route of the specification is just unknown to Pulp's Crane, whatever is wrong with it.
      return answerAsCrane(request, path, who) ?? ('name' in route ? undefined : UNKNOWN);
    },
    answerPost: (target) => (/^\/v1\/users\/?(?:\?|$)/.test(pathOf(target)) ? USER_CREATED : undefined),
    readableNames(who) {
      refuseUnread();
      return names(who);
    },
    has(name, who) {
      refuseUnread();
      const images = readableFile(who, name, table.images(name), table);
      return (find(name, who) ?? images) !== undefined;
    },
    *repositories() {
      yield* table.allPaths();
      yield* table.allImages();
    },
    get changes() {
      return table.changes;
    },
    get isRead() {
      return directories.isRead;
    },
    get tally() {
      return reader.tally();
    },
    get duplicates() {
      return table.duplicates();
    },
    get hosts() {
      return table.hosts();
    },
    get lost() {
      return directories.lost();
    },
    look: () => directories.look(),
    [Symbol.dispose]: () => directories[Symbol.dispose](),
  };
}

const OWN_PATHS = /^\/(?:v1|v2|crane)\//;
const UNKNOWN = errorAnswer('refused', 404, 'NAME_UNKNOWN', 'no redirect file tells of this');
const UNREAD = 'the redirect files are not read yet';
const NOT_READ = unavailable('refused', UNREAD);
const LEAVES_HTTPS =
  'the redirect file names an http address, and who came by https is not sent on to http: its url has to be https';

function isPlain(url: string): boolean {
  return /^http:/i.test(url);
}

/** Whether the crane knows no answer of its own. */
function isLeftOver(route: Route): boolean {
  if (route.kind === 'refused') return route.refusal !== 'too long';
  return route.kind === 'ping' || route.kind === 'search';
}

function withoutQuery(target: string): string {
  const question = target.indexOf('?');
  return question < 0 ? target : target.slice(0, question);
}

/** The client's query, as far as a Location may have it. */
function queryOf(target: string): string {
  const question = target.indexOf('?');
  if (question < 0) return '';
  const [query = ''] = target.slice(question + 1).split('#', 1);
  return /^[!-~]*$/.test(query) ? query : '';
}
