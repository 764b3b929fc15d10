import type { Dispatcher } from 'undici';
import { type Lane, openDispatchers } from './dispatchers.ts';
import type { RequestKind, Source } from './options.ts';
import type { Trust } from './trust.ts';

/** One HTTP request to one host. */
interface WireRequest {
  readonly kind: RequestKind;
  readonly method: 'GET' | 'HEAD';
  readonly url: URL;
  readonly trust: Trust;
  readonly lane: Lane;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal | undefined;
}

/** Its answer. The body is still on its way: it must be read, dropped or destroyed. */
export interface Answer {
  readonly url: URL;
  readonly status: number;
  readonly headers: Dispatcher.ResponseData['headers'];
  readonly body: Dispatcher.ResponseData['body'];
}

/** Sends single requests, without a thought about credentials, redirects or retries. */
export interface Wire {
  send(request: WireRequest): Promise<Answer>;
  destroy(): Promise<void>;
}

export function openWire(source: Source): Wire {
  const dispatchers = openDispatchers(source);
  return {
    async send({ kind, method, url, trust, lane, headers, signal }) {
      let status: number | undefined;
      try {
        const sent = dispatchers.get(trust, lane).request({
          origin: url.origin,
          path: url.pathname + url.search,
          method,
          reset: false, // undici would give up the connection after each HEAD
          headers: { 'user-agent': source.userAgent, ...headers },
          signal: signal ?? null,
        });
        const response = await (signal === undefined ? sent : unlessAborted(sent, signal));
        status = response.statusCode;
        return { url, status, headers: response.headers, body: response.body };
      } finally {
        source.onRequest?.({ kind, method, host: url.host, status });
      }
    },
    destroy: () => dispatchers.destroy(),
  };
}

/** undici heeds the signal of a request that waits for a connection only once it has one; this does so at once. */
function unlessAborted<T>(sent: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', abort, { once: true });
    sent.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

/** A header's value; undefined when it is absent, or stands there several times with different values. */
export function header(answer: Answer, name: string): string | undefined {
  const value = answer.headers[name];
  if (!Array.isArray(value)) return value;
  return value.every((each) => each === value[0]) ? value[0] : undefined;
}

/** All lines of a header whose value is a list. */
export function listHeader(answer: Answer, name: string): string | undefined {
  const value = answer.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}
