const SOONEST_MS = 1000;

/**
 * How long after a look a mirror is looked at again: often right after a publication, and the longer it has not come the
 * more seldom, at least every `everyMs`.
 * @param waitingMs how long it has lacked what it lacks; undefined: it has all
 */
export function lookAfterMs(waitingMs: number | undefined, everyMs: number): number {
  if (waitingMs === undefined) return everyMs;
  return Math.min(everyMs, Math.max(SOONEST_MS, waitingMs / 4));
}
