import type { WorkerProcess } from './worker-process.ts';

/** How often each worker is asked, and the silence in a row that is too long: one hangs for 30 to 40 s until it is killed. */
const ASK_EVERY_MS = 10_000;
const SILENT_ASKS = 3;

export interface Watching {
  /** How often each is asked; 10 s if absent. */
  readonly askEveryMs?: number;
}

/**
 * Asks the workers that listen for their figures again and again, and tells of one that has been silent three times in a row: an answer comes
 * from the loop that requests are answered in. Asks are counted, and not the time, as that also passes while the whole machine stands still.
 */
export function watchWorkers(
  present: () => readonly WorkerProcess[],
  onHung: (worker: WorkerProcess) => void,
  { askEveryMs = ASK_EVERY_MS }: Watching = {},
): Disposable {
  const asked = new WeakMap<WorkerProcess, { messages: number; silences: number }>();
  const look = (worker: WorkerProcess) => {
    const { messages } = worker;
    const before = asked.get(worker);
    const silences = before?.messages === messages ? before.silences + 1 : 0;
    asked.set(worker, { messages, silences });
    if (silences === SILENT_ASKS) onHung(worker);
    else worker.tell({ tell: 'figures' });
  };
  const timer = setInterval(() => {
    for (const worker of present()) if (worker.isListening) look(worker);
  }, askEveryMs);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
