import { asFault } from '@gantry/oci';
import type { SearchServer } from '@gantry/service';
import type { RareErrors } from '../rare-errors.ts';
import { type FoundRepository, MAX_FOUND, type SearchBackend, type SearchFailure } from './backend.ts';

/** A longer answer of a search server is not read to its end. */
const MAX_BYTES = 4 * 1024 * 1024;
/** So many may wait for the server; more are told to come again. */
const MAX_WAITING = 50;

const NO_ANSWER = 'the search server can not be asked just now';
const TOO_MANY: SearchFailure = { status: 503, message: 'too many are searching just now' };

export interface ServerSearchOptions {
  readonly server: SearchServer;
  /** The address for a text. */
  readonly addressOf: (text: string) => string;
  /** @throws Error for a body that has another shape */
  readonly parse: (body: string) => readonly FoundRepository[];
  readonly tellError: RareErrors;
}

/** Asks a server over HTTP for what matches. Certificates are verified. Why it has no answer stands in the log alone. */
export function createServerSearch({
  server,
  addressOf,
  parse,
  tellError,
}: ServerSearchOptions): SearchBackend {
  const { origin } = new URL(addressOf(''));
  const fail = (status: SearchFailure['status'], why: string): SearchFailure => {
    tellError({ search: origin, status }, `the search server ${why}`);
    return { status, message: NO_ANSWER };
  };

  const ask = async (text: string): Promise<readonly FoundRepository[] | SearchFailure> => {
    let body: string | undefined;
    try {
      const response = await fetch(addressOf(text), { signal: AbortSignal.timeout(server.timeoutMs) });
      if (response.status !== 200) {
        await response.body?.cancel();
        return fail(502, `answers ${response.status}`);
      }
      body = await textOf(response);
    } catch (error) {
      return error instanceof DOMException && error.name === 'TimeoutError'
        ? fail(504, `has no whole answer after ${server.timeoutMs} ms`)
        : fail(503, `can not be reached: ${reasonOf(error)}`);
    }
    if (body === undefined) return fail(502, `answers with more than ${MAX_BYTES} bytes`);
    try {
      return parse(body).slice(0, MAX_FOUND);
    } catch (error) {
      return fail(502, `answers with something else than results: ${asFault(error).message}`);
    }
  };

  let waiting = 0;
  return {
    async find(text) {
      if (waiting >= MAX_WAITING) return TOO_MANY;
      waiting++;
      try {
        return await ask(text);
      } finally {
        waiting--;
      }
    },
  };
}

/** The body of an answer with status 200, which has one. @returns undefined for a longer one */
async function textOf({ body }: Response): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body as NonNullable<typeof body>) {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** What `fetch` failed for stands in the cause of its error; where several addresses were tried, its code alone tells. */
function reasonOf(error: unknown): string {
  const { cause = error } = error as { readonly cause?: unknown };
  return [(cause as NodeJS.ErrnoException).code, asFault(cause).message].filter(Boolean).join(': ');
}
