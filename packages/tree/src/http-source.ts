import { Readable } from 'node:stream';
import { Fault, quote } from '@gantry/oci';
import type { TreeSource } from './tree-source.ts';

export interface HttpTreeOptions {
  /** How long a server may be silent: until its answer begins, and between two pieces of a body. 30 s if absent. */
  readonly timeoutMs?: number;
  /** How often a request is tried when the server does not answer or says that it can not just now. 2 if absent. */
  readonly attempts?: number;
  /** Ends all that is under way. */
  readonly signal?: AbortSignal;
}

const MAX_REDIRECTS = 5;

/**
 * A tree behind an http(s) URL: a mirror, or any static web server. User name and password in the URL are sent as Basic
 * authorization, to that origin only.
 * @throws Fault CONFIGURATION_INVALID for what is no such URL
 */
export function httpTree(url: string, options: HttpTreeOptions = {}): TreeSource {
  const { base, name, authorization } = parseBase(url);
  const { timeoutMs = 30_000, attempts = 2, signal } = options;

  /** One request, its redirects followed; undefined if the file is absent. The time limit holds on in the answer. */
  const once = async (method: 'GET' | 'HEAD', path: string): Promise<Answer | undefined> => {
    const limit = silenceLimit(timeoutMs, signal);
    try {
      let target = new URL(path, base);
      for (let hop = 0; ; hop++) {
        const headers: Record<string, string> = { 'accept-encoding': 'identity' };
        if (authorization !== undefined && target.origin === base.origin)
          headers['authorization'] = authorization;
        const response = await fetch(target, { method, headers, redirect: 'manual', signal: limit.signal });
        const location = response.headers.get('location');
        if (response.status < 300 || response.status > 399 || location === null) {
          const answer = judge(response, limit);
          if (answer === undefined) await discard(response, limit);
          return answer;
        }
        await response.body?.cancel();
        target = redirected(target, location, hop);
      }
    } catch (error) {
      limit.end();
      throw error;
    }
  };

  const request = async (method: 'GET' | 'HEAD', path: string): Promise<Answer | undefined> => {
    if (!isPlainPath(path)) {
      throw new Fault('TREE_INVALID', `${quote(path)} is no path within a tree`, {
        path: path.slice(0, 300),
      });
    }
    for (let attempt = 1; ; attempt++) {
      try {
        return await once(method, path);
      } catch (error) {
        if (attempt >= attempts || signal?.aborted === true || error instanceof FinalRefusal) {
          throw unavailable(`${name}/${path}`, error);
        }
      }
    }
  };

  return {
    name,
    async read(path, maxBytes) {
      const answer = await request('GET', path);
      if (answer === undefined) return undefined;
      const pieces: Uint8Array[] = [];
      let total = 0;
      for await (const piece of piecesOf(answer, `${name}/${path}`)) {
        total += piece.length;
        if (total > maxBytes) {
          throw new Fault(
            'TREE_INVALID',
            `${name}/${path} has more than the ${maxBytes} bytes that are read`,
            { path },
          );
        }
        pieces.push(piece);
      }
      return Buffer.concat(pieces, total);
    },
    async stat(path) {
      const head = await request('HEAD', path);
      if (head === undefined) return undefined;
      const contentType = head.response.headers.get('content-type') ?? undefined;
      const stated = head.response.headers.get('content-length');
      await discard(head.response, head.limit);
      const size =
        stated === null ? await countBytes(await request('GET', path), `${name}/${path}`) : Number(stated);
      return { size, ...(contentType === undefined ? {} : { contentType }) };
    },
    async open(path) {
      const answer = await request('GET', path);
      return answer && Readable.from(piecesOf(answer, `${name}/${path}`), { objectMode: false });
    },
  };
}

interface Answer {
  readonly response: Response;
  readonly limit: SilenceLimit;
}

/** A refusal that another attempt would meet again. */
class FinalRefusal extends Error {}

/** The answer with a body; undefined for one that says that the file is absent. */
function judge(response: Response, limit: SilenceLimit): Answer | undefined {
  const { status } = response;
  if (status === 200) return { response, limit };
  if (status === 404 || status === 410) return undefined;
  const why = `it is answered with ${status} ${response.statusText}`.trimEnd();
  throw status >= 500 || status === 429 ? new Error(why) : new FinalRefusal(why);
}

function redirected(from: URL, location: string, hop: number): URL {
  if (hop >= MAX_REDIRECTS) throw new FinalRefusal(`it is redirected more than ${MAX_REDIRECTS} times`);
  const target = URL.parse(location, from);
  const secureEnough =
    target?.protocol === 'https:' || (target?.protocol === 'http:' && from.protocol === 'http:');
  if (target === null || !secureEnough) {
    throw new FinalRefusal(`it is redirected to ${quote(location)}, which is not followed`);
  }
  return target;
}

/** The body, piece by piece; the clock runs only while a piece is waited for. */
async function* piecesOf({ response, limit }: Answer, what: string): AsyncGenerator<Uint8Array> {
  if (response.body === null) {
    limit.end();
    return;
  }
  const reader = response.body.getReader();
  try {
    for (;;) {
      limit.restart();
      const { done, value } = await reader.read();
      limit.pause();
      if (done) return;
      yield value;
    }
  } catch (error) {
    throw unavailable(what, error);
  } finally {
    limit.end();
    await reader.cancel().catch(() => undefined);
  }
}

async function countBytes(answer: Answer | undefined, what: string): Promise<number> {
  if (answer === undefined)
    throw unavailable(what, new Error('it was there for HEAD, and is absent for GET'));
  let total = 0;
  for await (const piece of piecesOf(answer, what)) total += piece.length;
  return total;
}

async function discard(response: Response, limit: SilenceLimit): Promise<void> {
  limit.end();
  await response.body?.cancel();
}

interface SilenceLimit {
  readonly signal: AbortSignal;
  restart(): void;
  pause(): void;
  end(): void;
}

/** Aborts after `ms` without `restart`, or with `outer`. */
function silenceLimit(ms: number, outer: AbortSignal | undefined): SilenceLimit {
  const controller = new AbortController();
  const arm = () => setTimeout(() => controller.abort(new Error(`it was silent for ${ms} ms`)), ms);
  let timer = arm();
  return {
    signal: outer === undefined ? controller.signal : AbortSignal.any([controller.signal, outer]),
    restart: () => {
      clearTimeout(timer);
      timer = arm();
    },
    pause: () => clearTimeout(timer),
    end: () => clearTimeout(timer),
  };
}

function parseBase(text: string): { base: URL; name: string; authorization?: string } {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '') {
    // Not quoted: it may hold a password.
    throw new Fault(
      'CONFIGURATION_INVALID',
      "a tree's URL must begin with http:// or https:// and end with its path",
    );
  }
  const { username, password } = url;
  url.username = '';
  url.password = '';
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  const name = url.href.slice(0, -1);
  if (username === '' && password === '') return { base: url, name };
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { base: url, name, authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
}

/** Paths of the tree need no escapes; anything else could name another place on the server. */
function isPlainPath(path: string): boolean {
  return /^[A-Za-z0-9_-][A-Za-z0-9._-]*(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/.test(path);
}

function unavailable(what: string, error: unknown): Fault {
  if (error instanceof Fault) return error;
  return new Fault(
    'UNAVAILABLE',
    `${what} can not be read: ${reasonOf(error)}`,
    { url: what },
    { cause: error },
  );
}

/** What fetch hides: its errors say "fetch failed", and why stands in their cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (!(error.cause instanceof Error)) return error.message;
  return error.cause.message === '' && 'code' in error.cause ? String(error.cause.code) : error.cause.message;
}
