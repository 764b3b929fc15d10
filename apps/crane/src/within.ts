import { setTimeout as delay } from 'node:timers/promises';

/** Waits for `work`, but no longer than `limitMs`; it goes on after that. */
export async function within(limitMs: number, work: Promise<unknown>): Promise<void> {
  const limit = new AbortController();
  const late = delay(limitMs, undefined, { signal: limit.signal }).catch(() => undefined);
  try {
    await Promise.race([work, late]);
  } finally {
    limit.abort();
  }
}
