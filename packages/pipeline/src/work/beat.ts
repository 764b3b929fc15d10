import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Flow } from '../context.ts';

/** How often a worker says that it is there, and how long its word holds. */
const BEAT_EVERY_MS = 5000;
const WORD_HOLDS_MS = 20_000;

/** What a process that works on the catalog says of itself. */
export interface WorkerName {
  /** `sync`, `promote` or `all`. */
  readonly service: string;
  readonly version: string;
}

/**
 * Says from now on that a process is there, and at its end that it leaves. A catalog that does not answer for a while is
 * logged once; that the worker is then missing from the list is right, as it can do no work.
 * @param everyMs for tests
 */
export async function startBeating(
  flow: Flow,
  { service, version }: WorkerName,
  everyMs = BEAT_EVERY_MS,
): Promise<AsyncDisposable> {
  const { workers } = flow.catalog;
  const worker = {
    id: randomUUID(),
    service,
    host: hostname(),
    pid: process.pid,
    version,
    startedAt: flow.now().toISOString(),
  };
  let isSilent = false;
  let beating: Promise<void> | undefined;
  const beat = async () => {
    try {
      await workers.beat(worker, WORD_HOLDS_MS);
      isSilent = false;
    } catch (error) {
      if (!isSilent) flow.log.warn({ err: error, worker: worker.id }, 'worker.beat_failed');
      isSilent = true;
    }
  };
  const beatNext = () => {
    // One at a time: the catalog may be slower than the clock.
    beating ??= beat().finally(() => {
      beating = undefined;
    });
  };
  await beat();
  const timer = setInterval(beatNext, everyMs);
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await beating; // it would bring back what has left
      await workers.leave(worker.id).catch((error: unknown) => {
        flow.log.warn({ err: error, worker: worker.id }, 'worker.leave_failed');
      });
    },
  };
}
