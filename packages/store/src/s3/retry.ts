import { setTimeout as sleep } from 'node:timers/promises';

/** How often, and how long apart, a call is tried that failed for a cause that may pass. */
export interface RetryPolicy {
  /** How many times at most, the first one included. */
  readonly attempts: number;
  /** The longest wait before the second attempt; it doubles with each. */
  readonly baseMs: number;
  readonly maxMs: number;
}

/** About 13 s at most, half of that on average. */
export const USUAL_RETRIES: RetryPolicy = { attempts: 8, baseMs: 100, maxMs: 10_000 };

export interface Retrying {
  readonly policy: RetryPolicy;
  readonly isTransient: (error: unknown) => boolean;
  /** What the server asked for, as in Retry-After. */
  readonly askedMs?: (error: unknown) => number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Calls until it works, or fails for good. `attempt` counts from 1: from 2 on, a former call may have had its effect. */
export async function withRetries<T>(call: (attempt: number) => Promise<T>, retrying: Retrying): Promise<T> {
  const { policy, isTransient, askedMs, signal } = retrying;
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    try {
      return await call(attempt);
    } catch (error) {
      signal?.throwIfAborted();
      if (attempt >= policy.attempts || !isTransient(error)) throw error;
      const waitMs = Math.max(jitteredMs(attempt, policy), Math.min(askedMs?.(error) ?? 0, policy.maxMs));
      await sleep(waitMs, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
    }
  }
}

/** Anything between 0 and the bound, so that many clients that failed together do not come back together. */
export function jitteredMs(attempt: number, { baseMs, maxMs }: RetryPolicy, random = Math.random): number {
  return random() * Math.min(maxMs, baseMs * 2 ** (attempt - 1));
}
