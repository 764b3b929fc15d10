import { unlessAborted } from '@gantry/oci';
import type { Dispatcher } from 'undici';
import { type Lane, openDispatchers } from './dispatchers.ts';
import type { Turn } from './host-pace.ts';
import { Meter } from './meter.ts';
import type { RequestKind, Source } from './options.ts';
import { createPacer } from './pacer.ts';
import { readRetryAfter } from './retry.ts';
import type { Trust } from './trust.ts';

/** One HTTP request to one host. */
interface WireRequest {
  readonly kind: RequestKind;
  readonly method: 'GET' | 'HEAD';
  readonly url: URL;
  readonly trust: Trust;
  readonly lane: Lane;
  readonly headers: Readonly<Record<string, string>>;
  /** Which attempt at its call this is, from 1 on. */
  readonly attempt: number;
  readonly signal: AbortSignal | undefined;
}

/** Its answer. The body is still on its way: it must be read, dropped or destroyed. */
export interface Answer {
  readonly url: URL;
  readonly status: number;
  readonly headers: Dispatcher.ResponseData['headers'];
  readonly body: Dispatcher.ResponseData['body'];
  /** What Retry-After asks for, in milliseconds from now. */
  readonly retryAfterMs: number | undefined;
}

/** Sends single requests at the pace of each host, without a thought about credentials, redirects or attempts. */
export interface Wire {
  /**
   * Waits until the URL's host may be asked.
   * @param isUrgent before others that wait
   * @throws the signal's reason once it is aborted
   */
  turn(url: URL, signal: AbortSignal | undefined, isUrgent?: boolean): Promise<Turn>;
  /** Uses up a turn at the request's own host. @throws Fault SOURCE_ADDRESS_REFUSED, and what a socket raises */
  send(turn: Turn, request: WireRequest): Promise<Answer>;
  destroy(): Promise<void>;
}

export function openWire(source: Source): Wire {
  const { clock } = source;
  const dispatchers = openDispatchers(source);
  const pacer = createPacer(clock, source.rate);
  return {
    turn: (url, signal, isUrgent) => pacer.turn(url.host, signal, isUrgent),

    async send(turn, { kind, method, url, trust, lane, headers, attempt, signal }) {
      const sentMs = clock.now();
      const meter = new Meter(({ status, bytes }) => {
        const seconds = (clock.now() - sentMs) / 1000;
        const waitedSeconds = turn.waitedMs / 1000;
        source.onRequest?.({ kind, method, host: url.host, status, attempt, bytes, seconds, waitedSeconds });
      });
      try {
        const checking = dispatchers.check(trust, url);
        if (checking !== undefined) await checking;
        const sent = dispatchers.get(trust, lane).request({
          origin: url.origin,
          path: url.pathname + url.search,
          method,
          reset: false, // undici would give up the connection after each HEAD
          headers: { 'user-agent': source.userAgent, ...headers },
          signal: signal ?? null,
          opaque: meter,
        });
        // undici would heed the signal of a request that waits for a connection only once it has one.
        const response = await (signal === undefined ? sent : unlessAborted(sent, signal));
        if (lane === 'small') limit(response.body, source.timeouts.smallMs);
        const answer = { url, status: response.statusCode, headers: response.headers, body: response.body };
        const retryAfterMs = readRetryAfter(
          header(answer, 'retry-after'),
          header(answer, 'date'),
          clock.now(),
        );
        turn.end({ ...answer, retryAfterMs });
        return { ...answer, retryAfterMs };
      } catch (error) {
        meter.end();
        throw error;
      } finally {
        turn.end();
      }
    },
    destroy: () => dispatchers.destroy(),
  };
}

/** Breaks off a body that keeps coming, but too slowly to be waited for. */
function limit(body: Answer['body'], ms: number): void {
  if (body.closed) return;
  const timer = setTimeout(() => {
    body.destroy(Object.assign(new Error('the whole body takes too long'), { code: 'ETIMEDOUT' }));
  }, ms);
  body.once('close', () => clearTimeout(timer));
}

/** A header's value; undefined when it is absent, or stands there several times with different values. */
export function header(answer: Pick<Answer, 'headers'>, name: string): string | undefined {
  const value = answer.headers[name];
  if (!Array.isArray(value)) return value;
  return value.every((each) => each === value[0]) ? value[0] : undefined;
}

/** All lines of a header whose value is a list. */
export function listHeader(answer: Pick<Answer, 'headers'>, name: string): string | undefined {
  const value = answer.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}
