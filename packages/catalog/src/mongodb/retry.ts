import { setTimeout as pause } from 'node:timers/promises';
import { mongoFailure } from './failures.ts';

/** How long a call goes on asking a server that does not answer: longer than a replica set takes to elect. */
export const RETRY_MS = 30_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1000;

/**
 * Tries again while the failure is one that passes: a connection that broke, a server that is not there, or is the
 * primary no more. Whether an attempt that failed had its effect is not known, so `attempt` must be one that may be
 * repeated. What it throws after `waitMs` is passed on.
 */
export async function untilAnswered<T>(attempt: () => Promise<T>, waitMs: number): Promise<T> {
  const deadline = performance.now() + waitMs;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    try {
      return await attempt();
    } catch (error) {
      if (mongoFailure(error) !== 'passing' || performance.now() + pauseMs >= deadline) throw error;
    }
    await pause(pauseMs * (0.5 + Math.random() / 2)); // so that not all come back at once
  }
}
