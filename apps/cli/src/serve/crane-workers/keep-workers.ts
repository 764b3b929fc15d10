import { setTimeout as pause } from 'node:timers/promises';
import { asFault } from '@gantry/oci';
import type { CraneOptions } from '@gantry/app-crane';
import { restartPause } from './restart-pause.ts';
import { type Watching, watchWorkers } from './watch-workers.ts';
import type { WorkerProcess } from './worker-process.ts';

/** Workers of which as many run as are wanted: one that dies is started again, and one that hangs is killed before. Disposing of them ends them in order. */
export interface Workers extends AsyncDisposable {
  /** Where they listen, when each place has one that does; rejects with what keeps the first one of a place from that. */
  readonly started: Promise<string>;
  /** Those that are there now. */
  readonly present: () => readonly WorkerProcess[];
  /** How often one was started again. */
  readonly restarts: () => number;
  /** How often one was killed, as it answered no more. */
  readonly hangs: () => number;
}

/** Starts workers in the places 1 to `count`, and keeps them running. */
export function keepWorkers(
  count: number,
  fork: (place: number) => WorkerProcess,
  log: Pick<CraneOptions['logger'], 'info' | 'error'>,
  watching?: Watching,
): Workers {
  const present = new Map<number, WorkerProcess>();
  const ending = new AbortController();
  const hung = new WeakSet<WorkerProcess>();
  let restarts = 0;
  let hangs = 0;

  const start = (place: number): WorkerProcess => {
    const worker = fork(place);
    present.set(place, worker);
    const fields = { worker: place, workerPid: worker.pid };
    worker.listening.then(
      () => log.info(fields, 'worker.started'),
      (error: unknown) => {
        if (!ending.signal.aborted) log.error({ ...fields, err: asFault(error) }, 'worker.failed');
      },
    );
    return worker;
  };

  /** Until all end. */
  const keep = async (place: number, first: WorkerProcess): Promise<void> => {
    let pauseMs = 0;
    for (let worker = first; ; worker = start(place)) {
      const since = performance.now();
      const { code, signal } = await worker.ended;
      present.delete(place);
      if (ending.signal.aborted) return;
      pauseMs = restartPause(performance.now() - since, pauseMs);
      const fields = { worker: place, workerPid: worker.pid, code, signal, restartInMs: pauseMs };
      log.error(fields, hung.has(worker) ? 'worker.hung' : 'worker.died');
      await pause(pauseMs, undefined, { signal: ending.signal }).catch(() => undefined);
      if (ending.signal.aborted) return;
      restarts++;
    }
  };

  const kill = (worker: WorkerProcess) => {
    hung.add(worker);
    hangs++;
    worker.kill('SIGKILL');
  };
  const watch = watchWorkers(() => [...present.values()], kill, watching);

  // Whatever ends this process, it leaves none behind.
  const killAll = () => {
    for (const worker of present.values()) worker.kill('SIGKILL');
  };
  process.once('exit', killAll);
  const firsts = Array.from({ length: count }, (_, index) => start(index + 1));
  const started = Promise.all(firsts.map(({ listening }) => listening)).then(([url = '']) => url);
  const kept = firsts.map((worker) => keep(worker.place, worker));
  return {
    started,
    present: () => [...present.values()],
    restarts: () => restarts,
    hangs: () => hangs,
    async [Symbol.asyncDispose]() {
      ending.abort();
      for (const worker of present.values()) worker.end();
      await Promise.all(kept); // one that hangs is killed now, too
      watch[Symbol.dispose]();
      process.off('exit', killAll);
    },
  };
}
