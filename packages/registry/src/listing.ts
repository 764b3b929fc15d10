import { hash } from 'node:crypto';
import { Fault, isRepositoryName, isTag, quote } from '@gantry/oci';
import type { Subject } from './answer-faults.ts';
import { readBody } from './body.ts';
import { nextLink } from './link.ts';
import type { RequestKind, Source } from './options.ts';
import type { ListOptions } from './registry.ts';
import { at } from './source-faults.ts';
import type { Transport } from './transport.ts';
import { type Answer, listHeader } from './wire.ts';

/** How many names are asked for at once: what the reference implementation gives at the most. */
const PAGE_SIZE = 1000;
/** The reference implementation before version 3 sends all tags in one page. */
const PAGE_MAX_BYTES = 32 * 1024 * 1024;
/** A million names, in pages of a hundred. */
const PAGES_MAX = 10_000;

/** All repository names of a registry. */
export function listRepositories(
  source: Source,
  transport: Transport,
  options: ListOptions = {},
): AsyncIterable<string> {
  const pages = followPages(source, transport, {
    kind: 'catalog',
    path: `/v2/_catalog?n=${PAGE_SIZE}`,
    scope: 'registry:catalog:*',
    subject: {},
    read: (answer) => readNames(source, answer, 'repositories'),
    signal: options.signal,
  });
  return valid(pages, isRepositoryName, options);
}

/** All tags of a repository. */
export function listTags(
  source: Source,
  transport: Transport,
  repository: string,
  options: ListOptions = {},
): AsyncIterable<string> {
  const pages = followPages(source, transport, {
    kind: 'tags',
    path: `/v2/${repository}/tags/list?n=${PAGE_SIZE}`,
    scope: `repository:${repository}:pull`,
    subject: { repository },
    read: (answer) => readNames(source, answer, 'tags'),
    signal: options.signal,
  });
  return valid(pages, isTag, options);
}

/** A list that comes in pages, each naming the next one in Link (distribution-spec, "Listing Tags"). */
export interface PagedCall<T> {
  readonly kind: RequestKind;
  readonly path: string;
  readonly scope: string;
  readonly subject: Subject;
  readonly headers?: Readonly<Record<string, string>>;
  readonly expected?: readonly number[];
  readonly read: (answer: Answer) => Promise<T>;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The pages of a list, each asked for once the one before it is used up.
 * @throws Fault SOURCE_ADDRESS_REFUSED when the next page is not at the registry itself; SOURCE_FAILED when pages
 * go in a circle or don't end
 */
export async function* followPages<T>(
  source: Source,
  transport: Transport,
  call: PagedCall<T>,
): AsyncGenerator<T, void, undefined> {
  const { read, ...rest } = call;
  const visited = new Set<string>();
  let path: string | undefined = call.path;
  while (path !== undefined) {
    visited.add(fingerprint(path));
    const asked: string = path;
    const page = await transport.ask({ ...rest, path: asked }, async (answer) => ({
      content: await read(answer),
      next: nextPath(source, asked, listHeader(answer, 'link')),
    }));
    yield page.content;
    path = page.next;
    if (path === undefined) return;
    if (visited.has(fingerprint(path))) {
      throw failed(source, call.subject, `its list ${quote(call.path)} goes in a circle at ${quote(path)}`);
    }
    if (visited.size === PAGES_MAX) {
      throw failed(source, call.subject, `its list ${quote(call.path)} has more than ${PAGES_MAX} pages`);
    }
  }
}

/** Addresses of pages may be long, and there may be many. */
function fingerprint(path: string): string {
  return hash('sha256', path, 'base64');
}

function nextPath(source: Source, path: string, link: string | undefined): string | undefined {
  const target = nextLink(link);
  if (target === undefined) return undefined;
  const base = source.origin.origin + path;
  const url = URL.canParse(target, base) ? new URL(target, base) : undefined;
  if (url?.origin === source.origin.origin) return url.pathname + url.search;
  throw new Fault(
    'SOURCE_ADDRESS_REFUSED',
    `${at(source)}: the next page of ${quote(path)} is at ${quote(url?.origin ?? target)}, not at the registry itself; check what the registry takes for its own address`,
    { source: source.name },
  );
}

async function readNames(source: Source, answer: Answer, member: 'repositories' | 'tags'): Promise<string[]> {
  const body = await readBody(answer, PAGE_MAX_BYTES);
  if (body === undefined)
    throw failed(source, {}, `a page of its ${member} has more than ${PAGE_MAX_BYTES} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(body.toString());
  } catch {
    throw failed(source, {}, `the list of its ${member} is not JSON`);
  }
  // An object with the member alone is a list: anything else would make a registry look empty. Some write null for none.
  const isList = typeof value === 'object' && value !== null && Object.hasOwn(value, member);
  const names = isList ? ((value as Record<string, unknown>)[member] ?? []) : undefined;
  if (!Array.isArray(names) || !names.every((name) => typeof name === 'string')) {
    throw failed(source, {}, `the list of its ${member} is not a list of names`);
  }
  return names;
}

async function* valid(
  pages: AsyncIterable<string[]>,
  isValid: (name: string) => boolean,
  { onRefused }: ListOptions,
): AsyncGenerator<string, void, undefined> {
  for await (const names of pages) {
    for (const name of names) {
      if (isValid(name)) yield name;
      else onRefused?.(name);
    }
  }
}

function failed(source: Source, subject: Subject, what: string): Fault {
  return new Fault('SOURCE_FAILED', `${at(source)}: ${what}`, { ...subject, source: source.name });
}
