import { setTimeout as pause } from 'node:timers/promises';

/** How long between two looks at a condition. */
const POLL_MS = 20;

/**
 * Waits for a condition by looking again and again: resolves with the first value that is not undefined and not false.
 * A look that throws counts as "not yet"; its error is the cause if the time runs out.
 * @param what is waited for, for the message: "nginx to answer"
 */
export async function until<T>(
  what: string,
  look: () => Promise<T> | T,
  { withinMs = 45_000, signal }: { withinMs?: number; signal?: AbortSignal } = {},
): Promise<Exclude<T, undefined | false>> {
  const giveUpAt = performance.now() + withinMs;
  let cause: unknown;
  for (;;) {
    signal?.throwIfAborted();
    try {
      const value = await look();
      if (value !== undefined && value !== false) return value as Exclude<T, undefined | false>;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > giveUpAt) throw new Error(`waited ${withinMs} ms in vain for ${what}`, { cause });
    await pause(POLL_MS);
  }
}
