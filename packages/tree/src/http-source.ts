import { Readable } from 'node:stream';
import { Fault, quote } from '@gantry/oci';
import { mirrorClient } from './mirror-client.ts';
import { type SilenceLimit, silenceLimit } from './silence-limit.ts';
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
/** A whole document may take so many times as long as a server may be silent. */
const READ_TIMEOUTS = 10;

/**
 * A tree behind an http(s) URL: a mirror, or any static web server. User name and password in the URL are sent as Basic
 * authorization, to that origin only.
 * @throws Fault CONFIGURATION_INVALID for what is no such URL
 */
export function httpTree(url: string, options: HttpTreeOptions = {}): TreeSource {
  const { base, name, authorization } = parseBase(url);
  const { timeoutMs = 30_000, attempts = 2, signal } = options;

  /** One request, its redirects followed. What another attempt would meet again is thrown as a Fault. */
  const once = async (method: 'GET' | 'HEAD', path: string, ends = signal): Promise<Answer | undefined> => {
    const limit = silenceLimit(timeoutMs, ends);
    try {
      let target = new URL(path, base);
      for (let hop = 0; ; hop++) {
        const headers: Record<string, string> = { 'accept-encoding': 'identity' };
        if (authorization !== undefined && target.origin === base.origin)
          headers['authorization'] = authorization;
        const response = await fetch(target, { method, headers, redirect: 'manual', signal: limit.signal });
        if (response.status === 200) return { response, limit };
        await response.body?.cancel();
        if (response.status === 404 || response.status === 410) return undefined;
        const location = response.headers.get('location');
        if (response.status < 300 || response.status > 399 || location === null)
          throw refusal(response, `${name}/${path}`);
        target = redirected(target, location, hop, `${name}/${path}`);
      }
    } finally {
      limit.pause();
    }
  };

  /** Tries anew after a failure that may pass. */
  const attempt = async <T>(path: string, work: () => Promise<T>): Promise<T> => {
    if (!isPlainPath(path)) {
      throw new Fault('TREE_INVALID', `${quote(path)} is no path within a tree`, {
        path: path.slice(0, 300),
      });
    }
    for (let tried = 1; ; tried++) {
      try {
        return await work();
      } catch (error) {
        if (error instanceof Fault) throw error;
        if (tried >= attempts || signal?.aborted === true) throw unavailable(`${name}/${path}`, error);
      }
    }
  };

  return {
    name,
    read: (path, maxBytes, allocate = (sizeBytes) => Buffer.allocUnsafe(sizeBytes)) =>
      attempt(path, async () => {
        // A server that sends one byte now and then is not silent, and still never done.
        const wholeMs = timeoutMs * READ_TIMEOUTS;
        const whole = silenceLimit(wholeMs, signal, `it was not whole after ${wholeMs} ms`);
        try {
          const answer = await once('GET', path, whole.signal);
          if (answer === undefined) return undefined;
          const pieces: Uint8Array[] = [];
          let total = 0;
          for await (const piece of piecesOf(answer)) {
            total += piece.length;
            if (total > maxBytes) throw tooLarge(`${name}/${path}`, maxBytes);
            pieces.push(piece);
          }
          return joined(pieces, allocate(total));
        } finally {
          whole.pause();
        }
      }),
    stat: (path) =>
      attempt(path, async () => {
        const head = await once('HEAD', path);
        if (head === undefined) return undefined;
        await head.response.body?.cancel();
        const stated = head.response.headers.get('content-length');
        const size = stated === null ? await countBytes(await once('GET', path)) : Number(stated);
        const { headers } = head.response;
        const [contentEncoding, cacheControl] = [
          headers.get('content-encoding'),
          headers.get('cache-control'),
        ];
        return {
          size,
          contentType: headers.get('content-type') ?? '',
          ...(contentEncoding !== null && { contentEncoding }),
          ...(cacheControl !== null && { cacheControl }),
        };
      }),
    async open(path) {
      const answer = await attempt(path, () => once('GET', path));
      if (answer === undefined) return undefined;
      const stream = Readable.from(named(piecesOf(answer), `${name}/${path}`), { objectMode: false });
      // One that is destroyed before it was read never began to iterate.
      stream.once('close', () => void answer.response.body?.cancel().catch(() => undefined));
      return stream;
    },
    asClients: (ends) =>
      mirrorClient(base.href, { userAgent: 'gantry-verify', timeoutMs, signal: ends, authorization }),
  };
}

/** The beginning of an answer; its clock stands still. */
interface Answer {
  readonly response: Response;
  readonly limit: SilenceLimit;
}

/** Why a status can't be used: a Fault when it would be the same again. */
function refusal({ status, statusText }: Response, what: string): Error {
  const why = new Error(`the answer is ${status} ${statusText}`.trimEnd());
  return status >= 500 || status === 429 ? why : unavailable(what, why);
}

function redirected(from: URL, location: string, hop: number, what: string): URL {
  if (hop >= MAX_REDIRECTS)
    throw unavailable(what, new Error(`it is redirected more than ${MAX_REDIRECTS} times`));
  const target = URL.parse(location, from);
  if (target?.protocol === 'https:' || (target?.protocol === 'http:' && from.protocol === 'http:'))
    return target;
  throw unavailable(what, new Error(`it is redirected to ${quote(location)}, which is not followed`));
}

/** The body, piece by piece; the clock runs only while a piece is waited for. */
async function* piecesOf({ response, limit }: Answer): AsyncGenerator<Uint8Array> {
  if (response.body === null) return;
  const reader = response.body.getReader();
  try {
    for (;;) {
      limit.restart();
      const { done, value } = await reader.read();
      limit.pause();
      if (done) return;
      yield value;
    }
  } finally {
    limit.pause();
    await reader.cancel().catch(() => undefined);
    reader.releaseLock();
  }
}

function joined(pieces: readonly Uint8Array[], into: Uint8Array): Uint8Array {
  let at = 0;
  for (const piece of pieces) {
    into.set(piece, at);
    at += piece.length;
  }
  return into;
}

/** Makes a failure on the way one that names the file. */
async function* named(pieces: AsyncIterable<Uint8Array>, what: string): AsyncGenerator<Uint8Array> {
  try {
    yield* pieces;
  } catch (error) {
    throw unavailable(what, error);
  }
}

async function countBytes(answer: Answer | undefined): Promise<number> {
  if (answer === undefined) throw new Error('it was there for HEAD, and is absent for GET');
  let total = 0;
  for await (const piece of piecesOf(answer)) total += piece.length;
  return total;
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
  const pair = `${unescaped(username)}:${unescaped(password)}`;
  return { base: url, name, authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
}

/** A part of a URL as it was meant; a lone `%` in a password stands for itself. */
function unescaped(text: string): string {
  return text.replaceAll(/(?:%[0-9a-fA-F]{2})+/g, (escapes) =>
    Buffer.from(escapes.replaceAll('%', ''), 'hex').toString(),
  );
}

/** Paths of the tree need no escapes; anything else could name another place on the server. */
function isPlainPath(path: string): boolean {
  return /^[A-Za-z0-9_-][A-Za-z0-9._-]*(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/.test(path);
}

function tooLarge(what: string, maxBytes: number): Fault {
  return new Fault('TREE_INVALID', `${what} has more than the ${maxBytes} bytes that are read`, {
    url: what,
  });
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
