import { setTimeout as pause } from 'node:timers/promises';
import { Fault } from '@gantry/oci';

export interface FollowOptions {
  readonly signal: AbortSignal;
  /** How long a server may be away, at a stretch, before it is given up. */
  readonly patienceMs?: number;
}

const FIRST_LOOK_MS = 50;
const LATER_LOOK_MS = 1000;
const PATIENCE_MS = 60_000;

/**
 * Looks at a task or promotion until it has ended. A server that is away for a while, to be started anew, is waited for:
 * the work goes on there by itself.
 * @param read one look
 * @throws what `read` throws; the signal's reason
 */
export async function followUntil<T>(
  first: T,
  read: () => Promise<T>,
  hasEnded: (record: T) => boolean,
  onProgress: (record: T) => void,
  { signal, patienceMs = PATIENCE_MS }: FollowOptions,
): Promise<T> {
  let record = first;
  let seenAt = performance.now();
  for (let lookMs = FIRST_LOOK_MS; ; lookMs = Math.min(LATER_LOOK_MS, lookMs * 1.5)) {
    onProgress(record);
    if (hasEnded(record)) return record;
    await pause(lookMs, undefined, { signal });
    try {
      record = await read();
      seenAt = performance.now();
    } catch (error) {
      if (!(error instanceof Fault) || !error.retry || performance.now() - seenAt > patienceMs) throw error;
    }
  }
}
