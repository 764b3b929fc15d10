const FIRST_MS = 100;
const LONGEST_MS = 10_000;
/** A worker that has run for so long did not die of its start. */
const SETTLED_MS = 30_000;

/**
 * How long to wait before a worker that died is started again: hardly at all once, longer each time that it dies soon after.
 * @param ranMs how long it ran
 * @param formerMs the pause before it; 0 when it was the first
 * @returns milliseconds
 */
export function restartPause(ranMs: number, formerMs: number): number {
  return ranMs >= SETTLED_MS || formerMs === 0 ? FIRST_MS : Math.min(formerMs * 2, LONGEST_MS);
}
