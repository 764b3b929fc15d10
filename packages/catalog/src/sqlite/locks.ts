import { setTimeout as pause } from 'node:timers/promises';
import { sqliteFailure } from './failures.ts';

/** How long SQLite itself sleeps for a lock. The event loop stands still meanwhile; most locks are held for less. */
export const LOCK_SLEEP_MS = 100;
/** How long a lock is waited for altogether. */
export const LOCK_WAIT_MS = 30_000;
const PAUSE_MS = 10;

/**
 * Tries again while another process holds the lock, and leaves the event loop free between attempts. `attempt` must
 * have no effect when it throws. What it throws after `waitMs` is passed on.
 */
export async function whenUnlocked<T>(attempt: () => T, waitMs: number): Promise<T> {
  const deadline = performance.now() + waitMs;
  for (;;) {
    try {
      return attempt();
    } catch (error) {
      if (sqliteFailure(error) !== 'locked' || performance.now() >= deadline) throw error;
    }
    await pause(PAUSE_MS);
  }
}
