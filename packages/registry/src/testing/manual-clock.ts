import type { Clock } from '../clock.ts';

/** A clock that goes on by `advance` alone. Waits end when their time has come. `random` is `chance`. */
export function manualClock(chance = 0.5): Clock & {
  /** How many waits are under way. */
  readonly waiting: number;
  /** Goes on, from one wait's end to the next; what waited runs at its own time. */
  advance(ms: number): Promise<void>;
} {
  let nowMs = Date.UTC(2026, 10, 21);
  const waits = new Set<{ readonly untilMs: number; readonly end: () => void }>();
  return {
    get waiting() {
      return waits.size;
    },
    now: () => nowMs,
    random: () => chance,
    wait: (ms, signal) =>
      new Promise((resolve, reject) => {
        const wait = { untilMs: nowMs + ms, end: resolve };
        waits.add(wait);
        signal?.addEventListener('abort', () => {
          waits.delete(wait);
          reject(signal.reason as Error);
        });
      }),
    async advance(ms) {
      const untilMs = nowMs + ms;
      for (;;) {
        await settled();
        const [next] = [...waits].toSorted((one, other) => one.untilMs - other.untilMs);
        if (next === undefined || next.untilMs > untilMs) break;
        nowMs = next.untilMs;
        waits.delete(next);
        next.end();
      }
      nowMs = untilMs;
    },
  };
}

/** Lets all that is ready run: promises that are settled, and what follows from them. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}
