import type { Clock } from '../clock.ts';

/**
 * A clock that stands still but for waits, which pass at once and are written down in `waits` (milliseconds). Waits that
 * overlap pass together.
 */
export function instantClock(startMs = Date.UTC(2026, 10, 21)): Clock & {
  readonly waits: number[];
  advance(ms: number): void;
} {
  let nowMs = startMs;
  const waits: number[] = [];
  return {
    waits,
    advance: (ms) => void (nowMs += ms),
    now: () => nowMs,
    random: () => 0.5,
    async wait(ms, signal) {
      signal?.throwIfAborted();
      waits.push(ms);
      const untilMs = nowMs + ms;
      await Promise.resolve();
      nowMs = Math.max(nowMs, untilMs);
    },
  };
}
