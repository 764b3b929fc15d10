import { type Dispatcher, request } from 'undici';
import { Fault } from '@gantry/oci';
import { faultOfAnswer } from './answer-fault.ts';
import { createDispatcher } from './dispatcher.ts';
import { readEventStream } from './event-stream.ts';

/** Calls of the REST API. Each throws the Fault that the server tells of, or SERVER_UNREACHABLE. */
export interface ApiClient extends AsyncDisposable {
  readonly url: string;
  get(path: string, query: Query, signal: AbortSignal): Promise<unknown>;
  post(
    path: string,
    body: unknown,
    signal: AbortSignal,
    headers?: Readonly<Record<string, string>>,
  ): Promise<unknown>;
  /** Posts bytes of JSON as they are. */
  upload(path: string, query: Query, bytes: Uint8Array, signal: AbortSignal): Promise<unknown>;
  delete(path: string, query: Query, signal: AbortSignal): Promise<unknown>;
  /** A stream of events, each as its JSON, until the server ends it. */
  events(path: string, signal: AbortSignal): AsyncGenerator;
  /** All items of a list, page by page. */
  list<T>(path: string, query: Query, signal: AbortSignal): AsyncGenerator<T>;
}

/** A list is one parameter several times. */
export type Query = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface ApiClientOptions {
  /** Without a `/` at its end. */
  readonly url: string;
  readonly token?: string;
  /** In PEM: the server has this certificate or is not the one that is meant. Absent: any for its name, by a known authority. */
  readonly certificate?: string;
  /** Names proxies; none is asked for a server on this machine. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

const MAX_BODY_BYTES = 64 * 1024 * 1024;
const PAGE_LIMIT = '1000';
const JSON_BODY = { 'content-type': 'application/json' } as const;

/** A client of the promote API. Nothing is asked before its first call. */
export function createApiClient({ url, token, certificate, env }: ApiClientOptions): ApiClient {
  const dispatcher = createDispatcher(url, env, certificate);
  const common = {
    accept: 'application/json, application/problem+json',
    'user-agent': 'gantry',
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  };

  /** A successful answer: its body is to be read. */
  async function open(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    signal: AbortSignal,
    body: string | Uint8Array | null = null,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Dispatcher.ResponseData> {
    const options = { method, dispatcher, signal, headers: { ...common, ...headers }, body };
    const response = await request(url + path, options);
    const { statusCode } = response;
    if (statusCode >= 200 && statusCode <= 299) return response;
    const contentType = String(response.headers['content-type'] ?? '');
    throw faultOfAnswer(url, statusCode, contentType, await readText(response.body));
  }

  async function call(...words: Parameters<typeof open>): Promise<unknown> {
    const [, , signal] = words;
    let text: string;
    try {
      text = await readText((await open(...words)).body);
    } catch (error) {
      throw error instanceof Fault || signal.aborted ? error : unreachable(url, error);
    }
    return text === '' ? null : parseJson(url, text);
  }

  const get: ApiClient['get'] = (path, query, signal) => call('GET', path + queryString(query), signal);
  return {
    url,
    get,
    post: (path, body, signal, headers = {}) =>
      call('POST', path, signal, JSON.stringify(body), { ...JSON_BODY, ...headers }),
    upload: (path, query, bytes, signal) => call('POST', path + queryString(query), signal, bytes, JSON_BODY),
    delete: (path, query, signal) => call('DELETE', path + queryString(query), signal),
    async *events(path, signal) {
      try {
        const { body } = await open('GET', path, signal, null, { accept: 'text/event-stream' });
        for await (const text of readEventStream(body, MAX_BODY_BYTES)) yield parseJson(url, text);
      } catch (error) {
        throw error instanceof Fault || signal.aborted ? error : unreachable(url, error);
      }
    },
    async *list<T>(path: string, query: Query, signal: AbortSignal) {
      let cursor: string | undefined;
      do {
        const page = readPage(url, await get(path, { limit: PAGE_LIMIT, ...query, cursor }, signal));
        yield* page.items as readonly T[];
        cursor = page.next ?? undefined;
      } while (cursor !== undefined);
    },
    [Symbol.asyncDispose]: () => dispatcher.destroy(),
  };
}

function queryString(query: Query): string {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [value].flat().map((one) => [name, one]),
  );
  return given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`;
}

async function readText(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES)
      throw new Fault('UNAVAILABLE', `the server's answer is larger than ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseJson(url: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Fault(
      'ROUTE_UNKNOWN',
      `${url} does not answer as a Gantry server does: look at --server and GANTRY_SERVER`,
    );
  }
}

function readPage(url: string, page: unknown): { items: readonly unknown[]; next: string | null } {
  const { items, next } = (page ?? {}) as { items?: unknown; next?: unknown };
  if (Array.isArray(items)) return { items, next: typeof next === 'string' ? next : null };
  throw new Fault(
    'ROUTE_UNKNOWN',
    `${url} answered with something else than a list: is it a Gantry server of this version?`,
  );
}

function unreachable(url: string, cause: unknown): Fault {
  const first = cause instanceof AggregateError ? (cause.errors[0] as unknown) : cause;
  const code = first instanceof Error && 'code' in first ? String(first.code) : 'no answer';
  const why = code === 'ECONNREFUSED' ? 'nothing listens there' : code;
  return new Fault(
    'SERVER_UNREACHABLE',
    `no Gantry server answers at ${url} (${why}): start one by "gantry serve all", or name another by --server or GANTRY_SERVER`,
    { server: url },
    { cause },
  );
}
