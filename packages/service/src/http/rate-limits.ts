/** How often something may be done. */
export interface Rate {
  /** On average. */
  readonly requestsPerSecond: number;
  /** How many may come at once after a pause. */
  readonly burst: number;
}

/** Counts out permits to many, each by a key of its own: in any `t` seconds no more than `burst + t × requestsPerSecond`. */
export interface RateLimits {
  /** Takes a permit. @returns 0, or milliseconds until there is one: then none is taken */
  take(key: string): number;
  /** What `take` would return. */
  delayMs(key: string): number;
}

/** How many keys are remembered: an attacker has more addresses than we have memory. */
const KEYS_MAX = 10_000;
/** How many are kept when there is no more room: making it for one alone would cost each newcomer a walk over all. */
const KEYS_KEPT = 9000;

/**
 * A key is one number: when it will have all its permits again (the generic cell rate algorithm, ITU-T I.371). One that has
 * them all is as one that never came.
 * @param now milliseconds
 */
export function createRateLimits(
  { requestsPerSecond, burst }: Rate,
  now: () => number = () => performance.now(),
): RateLimits {
  const intervalMs = 1000 / requestsPerSecond;
  const fullAtMs = new Map<string, number>();

  const delayMs = (key: string) => {
    const fullAt = fullAtMs.get(key);
    return fullAt === undefined ? 0 : Math.max(0, fullAt - (burst - 1) * intervalMs - now());
  };
  const makeRoom = () => {
    const nowMs = now();
    for (const [key, fullAt] of fullAtMs) if (fullAt <= nowMs) fullAtMs.delete(key);
    for (const key of fullAtMs.keys()) {
      if (fullAtMs.size <= KEYS_KEPT) return;
      fullAtMs.delete(key);
    }
  };

  return {
    delayMs,
    take(key) {
      const waitMs = delayMs(key);
      if (waitMs > 0) return waitMs;
      if (!fullAtMs.has(key) && fullAtMs.size >= KEYS_MAX) makeRoom();
      fullAtMs.set(key, Math.max(fullAtMs.get(key) ?? 0, now()) + intervalMs);
      return 0;
    },
  };
}
