import { setTimeout as pause } from 'node:timers/promises';
import { Fault } from '@gantry/oci';

export interface FollowOptions {
  readonly signal: AbortSignal;
  /** How long a server may be away, at a stretch, before it is given up. */
  readonly patienceMs?: number;
}

const FIRST_PAUSE_MS = 50;
const LATER_PAUSE_MS = 2000;
const PATIENCE_MS = 60_000;

/**
 * Follows a task or promotion until it has ended. A server that is away for a while, to be started anew, is waited for:
 * the work goes on there by itself.
 * @param open the record as it stands, then each time that it has changed
 * @throws what `open` throws; the signal's reason
 */
export async function followEvents<T>(
  first: T,
  open: () => AsyncIterable<T>,
  hasEnded: (record: T) => boolean,
  onProgress: (record: T) => void,
  { signal, patienceMs = PATIENCE_MS }: FollowOptions,
): Promise<T> {
  onProgress(first);
  if (hasEnded(first)) return first;
  let awaySince: number | undefined;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(LATER_PAUSE_MS, pauseMs * 2)) {
    try {
      for await (const record of open()) {
        awaySince = undefined;
        pauseMs = FIRST_PAUSE_MS;
        onProgress(record);
        if (hasEnded(record)) return record;
      }
      throw new Fault('UNAVAILABLE', 'the server stopped telling how it goes on, again and again');
    } catch (error) {
      if (!(error instanceof Fault) || !error.retry) throw error;
      awaySince ??= performance.now();
      if (performance.now() - awaySince > patienceMs) throw error;
    }
    await pause(pauseMs, undefined, { signal });
  }
}
