import type { Fault } from '@gantry/oci';
import type { Clock } from './clock.ts';

/** How often a call is tried in all. */
export const ATTEMPTS = 5;
/** A source that asks for a longer pause is asked again after this one. */
export const RETRY_AFTER_MAX_MS = 60_000;

const BACKOFF_MS = 500;
const BACKOFF_MAX_MS = 30_000;

/** How one attempt ended: with its value, or with trouble that may pass. Trouble that won't is thrown. */
export type Attempt<T> =
  | { readonly value: T }
  | {
      readonly trouble: Fault;
      /** How long the source asks to be left alone. */
      readonly retryAfterMs?: number | undefined;
    };

/**
 * Tries until there is a value, ATTEMPTS times at the most, with growing pauses in between. Attempts are told their number,
 * from 1 on.
 * @throws the last attempt's trouble, and whatever `attempt` throws
 */
export async function withRetries<T>(
  clock: Clock,
  signal: AbortSignal | undefined,
  attempt: (number: number) => Promise<Attempt<T>>,
): Promise<T> {
  for (let made = 1; ; made++) {
    const outcome = await attempt(made);
    if ('value' in outcome) return outcome.value;
    if (made === ATTEMPTS) throw outcome.trouble;
    await clock.wait(pauseMs(made, clock.random(), outcome.retryAfterMs), signal);
  }
}

/**
 * The pause after attempt number `made`. What the source asked for is kept to, up to RETRY_AFTER_MAX_MS; `random` (0 to 1)
 * spreads callers that were turned away together.
 */
export function pauseMs(made: number, random: number, retryAfterMs = 0): number {
  return Math.min(retryAfterMs, RETRY_AFTER_MAX_MS) + backoffMs(made, random);
}

/** Anything from 0 to a bound that doubles with each attempt, from 500 ms to 30 s ("full jitter"). */
export function backoffMs(made: number, random: number): number {
  return Math.min(BACKOFF_MS * 2 ** (made - 1), BACKOFF_MAX_MS) * random;
}

/**
 * How long a Retry-After asks to wait, in milliseconds (RFC 9110, section 10.2.3: seconds, or a date); undefined when it
 * says nothing that can be read.
 * @param sentAt the time by the sender's own clock, its Date header, against which a date is meant
 */
export function readRetryAfter(
  value: string | undefined,
  sentAt: string | undefined,
  now: number,
): number | undefined {
  const text = value?.trim() ?? '';
  if (/^\d{1,10}$/.test(text)) return Number(text) * 1000;
  const until = readHttpDate(text);
  return until === undefined ? undefined : Math.max(0, until - (readHttpDate(sentAt ?? '') ?? now));
}

/** RFC 9110, section 5.6.7: three forms, all in GMT, of which asctime's does not say so. */
function readHttpDate(text: string): number | undefined {
  if (!/^[A-Z][a-z]{2,8},? /.test(text)) return undefined;
  const ms = Date.parse(text.endsWith(' GMT') ? text : `${text} GMT`);
  return Number.isNaN(ms) ? undefined : ms;
}
