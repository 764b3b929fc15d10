/** How often something may be done. */
export interface Rate {
  readonly requestsPerSecond: number;
  /** How many may go at once after a time without any; a second's worth by default. */
  readonly burst?: number;
}

/** Counts out permits at a rate: in any span of `t` seconds no more than `burst + t × requestsPerSecond`. */
export interface TokenBucket {
  /** Milliseconds until a token is there; 0 when one is. */
  delayMs(nowMs: number): number;
  /** Takes a token, one that is not there yet too. */
  take(nowMs: number): void;
}

/** A full bucket. It keeps a single number: when it will be full again (the generic cell rate algorithm, ITU-T I.371). */
export function createTokenBucket({
  requestsPerSecond,
  burst = defaultBurst(requestsPerSecond),
}: Rate): TokenBucket {
  const intervalMs = 1000 / requestsPerSecond;
  let fullAtMs = Number.NEGATIVE_INFINITY;
  return {
    delayMs: (nowMs) => Math.max(0, Math.ceil(fullAtMs - (burst - 1) * intervalMs - nowMs)),
    take(nowMs) {
      fullAtMs = Math.max(fullAtMs, nowMs) + intervalMs;
    },
  };
}

function defaultBurst(requestsPerSecond: number): number {
  return Math.max(1, Math.ceil(requestsPerSecond));
}
