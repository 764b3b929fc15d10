/** When the embedded queues do what. */
export interface Timing {
  /** How long a message stays with a process that gives no sign of life. It renews that three times as often. */
  readonly leaseMs: number;
  /** How often it is looked whether another process has sent something. */
  readonly pollMs: number;
  /** How long a message waits after its handler has failed for the `attempt`th time. Never shorter for a later one. */
  readonly pauseMs: (attempt: number) => number;
}

const LONGEST_PAUSE_MS = 60_000;

export const DEFAULT_TIMING: Timing = {
  leaseMs: 30_000,
  pollMs: 250,
  /** 1 s, 4 s, 16 s, then a minute. */
  pauseMs: (attempt) => Math.min(1000 * 4 ** (attempt - 1), LONGEST_PAUSE_MS),
};
