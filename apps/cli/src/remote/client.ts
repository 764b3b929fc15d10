import { X509Certificate } from 'node:crypto';
import type { ConnectionOptions } from 'node:tls';
import { Agent, type Dispatcher, EnvHttpProxyAgent, request } from 'undici';
import { Fault } from '@gantry/oci';
import { faultOfAnswer } from './answer-fault.ts';
import { isLoopback } from './server-address.ts';

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
  delete(path: string, query: Query, signal: AbortSignal): Promise<unknown>;
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

const CONNECT_LIMIT_MS = 10_000;
const SILENCE_LIMIT_MS = 60_000;
const MAX_BODY_BYTES = 64 * 1024 * 1024;
const PAGE_LIMIT = '1000';

export function createApiClient({ url, token, certificate, env }: ApiClientOptions): ApiClient {
  const dispatcher = createDispatcher(url, env, certificate);
  const common = {
    accept: 'application/json, application/problem+json',
    'user-agent': 'gantry',
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  };

  async function call(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    signal: AbortSignal,
    body?: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<unknown> {
    const options = { method, dispatcher, signal, headers: { ...common, ...headers }, body: body ?? null };
    let answer: { statusCode: number; contentType: string; text: string };
    try {
      const response = await request(url + path, options);
      const { 'content-type': contentType } = response.headers;
      answer = {
        statusCode: response.statusCode,
        contentType: String(contentType ?? ''),
        text: await readText(response.body),
      };
    } catch (error) {
      throw error instanceof Fault || signal.aborted ? error : unreachable(url, error);
    }
    const { statusCode, contentType, text } = answer;
    if (statusCode < 200 || statusCode > 299) throw faultOfAnswer(url, statusCode, contentType, text);
    return parseJson(url, text);
  }

  const get: ApiClient['get'] = (path, query, signal) => call('GET', path + queryString(query), signal);
  return {
    url,
    get,
    post: (path, body, signal, headers = {}) =>
      call('POST', path, signal, JSON.stringify(body), { 'content-type': 'application/json', ...headers }),
    delete: (path, query, signal) => call('DELETE', path + queryString(query), signal),
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

function createDispatcher(
  url: string,
  env: ApiClientOptions['env'],
  certificate: string | undefined,
): Dispatcher {
  const limits = {
    connect: {
      timeout: CONNECT_LIMIT_MS,
      ...(certificate === undefined ? {} : trustOnly(certificate)),
    },
    headersTimeout: SILENCE_LIMIT_MS,
    bodyTimeout: SILENCE_LIMIT_MS,
  };
  if (isLoopback(url)) return new Agent(limits);
  const named = (name: string) => env[name] ?? env[name.toUpperCase()] ?? '';
  return new EnvHttpProxyAgent({
    ...limits,
    httpProxy: named('http_proxy'),
    httpsProxy: named('https_proxy'),
    noProxy: named('no_proxy'),
  });
}

type Trust = Required<Pick<ConnectionOptions, 'ca' | 'allowPartialTrustChain' | 'checkServerIdentity'>>;

/** Takes this very certificate, whoever signed it and whatever its name, and no other. */
function trustOnly(certificate: string): Trust {
  const own = new X509Certificate(certificate);
  return {
    ca: own.toString(),
    allowPartialTrustChain: true,
    checkServerIdentity: (_host, { fingerprint256 }) =>
      fingerprint256 === own.fingerprint256
        ? undefined
        : new Error('it has another certificate than api.tls.certFile'),
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
