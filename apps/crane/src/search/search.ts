import { type Answer, RETRY_AFTER_SECONDS, SHORT_LIVED } from '../answer/answer.ts';
import type { Reader } from '../private/reader.ts';
import {
  type FoundRepository,
  isFailure,
  MAX_TEXT,
  type SearchBackend,
  type SearchFailure,
} from './backend.ts';

/** Finds repositories for those who ask, each as far as they may read. */
export interface Search {
  /** The answer for the query string of `/v1/search`. */
  answer(query: string, reader: Reader): Promise<Answer>;
  /** What matches a text, for the page. */
  find(text: string, reader: Reader): Promise<readonly FoundRepository[] | SearchFailure>;
}

/** As `docker search` asks for when it is not told. */
const PAGE_SIZE = 25;
/** As many as `docker search --limit` takes. */
const MAX_PAGE_SIZE = 100;

/** What the first registries said of themselves, and docker still looks for. */
const V1_HEADERS = ['X-Docker-Registry-Version', '0.6.6', 'X-Docker-Registry-Config', 'common'] as const;

/** What `docker search` asks for first, to know that there is a registry. */
export const PING: Answer = v1Answer(200, 'application/json', 'true', [
  'X-Docker-Registry-Standalone',
  'True',
]);
const NO_TEXT = v1Answer(400, 'text/html; charset=utf-8', 'parameter "q" is required');
const BAD_NUMBER = v1Answer(
  400,
  'text/html; charset=utf-8',
  'parameters "n" and "page" have to be whole numbers from 1 up',
);

/** Whether there is a repository of that name now, for somebody. */
export type IsServed = (name: string, reader: Reader) => Promise<boolean>;

export function createSearch(backend: SearchBackend, isServed: IsServed): Search {
  const find: Search['find'] = async (text, reader) => {
    const found = await backend.find(text.slice(0, MAX_TEXT));
    if (isFailure(found)) return found;
    const mayBeTold = await Promise.all(
      found.map(async ({ name, isElsewhere }) => isElsewhere === true || (await isServed(name, reader))),
    );
    return found.filter((_, index) => mayBeTold[index]);
  };

  return {
    find,
    async answer(query, reader) {
      const asked = new URLSearchParams(query);
      const text = asked.get('q')?.trim() ?? '';
      if (text === '') return NO_TEXT;
      const size = wholeNumber(asked.get('n'), PAGE_SIZE);
      const page = wholeNumber(asked.get('page'), 1);
      if (size === undefined || page === undefined) return BAD_NUMBER;
      const found = await find(text, reader);
      return isFailure(found)
        ? failureAnswer(found)
        : v1Answer(
            200,
            'application/json',
            foundText(found, { text, page, size: Math.min(size, MAX_PAGE_SIZE) }),
            SHORT_LIVED,
          );
    },
  };
}

function foundText(
  found: readonly FoundRepository[],
  { text, page, size }: { readonly text: string; readonly page: number; readonly size: number },
): string {
  const results = found.slice((page - 1) * size, page * size).map((one) => ({
    name: one.name,
    description: one.description,
    star_count: one.starCount ?? 0,
    is_official: one.isOfficial ?? false,
    is_automated: one.isAutomated ?? false,
    is_trusted: one.isAutomated ?? false, // its name before docker 1.6
  }));
  return JSON.stringify({
    num_pages: Math.ceil(found.length / size),
    num_results: found.length,
    page,
    page_size: size,
    query: text,
    results,
  });
}

function failureAnswer({ status, message }: SearchFailure): Answer {
  const again = status === 503 ? ['Retry-After', String(RETRY_AFTER_SECONDS)] : [];
  return v1Answer(status, 'text/html; charset=utf-8', message, ['Cache-Control', 'no-cache', ...again]);
}

/** @param absent what it is where it is not told; @returns undefined for what is no whole number from 1 up */
function wholeNumber(text: string | null, absent: number): number | undefined {
  if (text === null || text === '') return absent;
  return /^[1-9][0-9]{0,8}$/.test(text) ? Number(text) : undefined;
}

function v1Answer(
  status: number,
  contentType: string,
  text: string,
  headers: readonly string[] = [],
): Answer {
  return {
    route: 'search',
    status,
    headers: [
      'Content-Type',
      contentType,
      'Content-Length',
      String(Buffer.byteLength(text)),
      'X-Content-Type-Options',
      'nosniff',
      ...V1_HEADERS,
      ...headers,
    ],
    body: { from: 'memory', bytes: text },
  };
}
