import { Worker } from 'node:worker_threads';
import { Fault } from '@gantry/oci';
import type { CarriedFault } from './verification.ts';
import { type Answers, createVerifyTasks, type Task } from './verify-tasks.ts';

/** Does tasks on the files of one directory, on several cores where there is enough to do. */
export interface Crew extends AsyncDisposable {
  /** How many tasks are worth having under way. */
  readonly tasks: number;
  /** @param onBytes told of bytes of a large file before all of it is read; the answer counts the rest */
  run<T extends Task>(task: T, onBytes?: (bytes: number) => void): Promise<Answers[T['type']]>;
}

/** What goes to a thread, and what comes back from it. */
export interface Errand {
  readonly id: number;
  readonly task: Task;
}
export type Reply =
  | { readonly id: number; readonly bytes: number }
  | { readonly id: number; readonly answer: Answers[Task['type']] }
  | { readonly id: number; readonly fault: CarriedFault };

/** In this thread: what a small tree takes is over before others have started. */
export function loneWorker(directory: string): Crew {
  const tasks = createVerifyTasks(directory);
  return {
    tasks: 1,
    run: (task, onBytes = () => undefined) => tasks.perform(task, onBytes),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

interface Waiting {
  readonly errand: Errand;
  readonly resolve: (answer: Answers[Task['type']]) => void;
  readonly reject: (error: Error) => void;
  readonly onBytes: ((bytes: number) => void) | undefined;
}

/** @param threads how many; each does one task at a time */
export function startCrew(directory: string, threads: number): Crew {
  const queue: Waiting[] = [];
  const idle: Worker[] = [];
  const busy = new Map<Worker, Waiting>();
  let lastId = 0;
  let broken: Error | undefined;

  const next = (worker: Worker) => {
    const waiting = queue.shift();
    if (waiting === undefined) {
      idle.push(worker);
      return;
    }
    busy.set(worker, waiting);
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
    worker.postMessage(waiting.errand);
  };
  /** Without one of its threads the crew is of no use. */
  const fail = (error: Error) => {
    broken ??= error;
    for (const { reject } of [...busy.values(), ...queue.splice(0)]) reject(error);
    busy.clear();
  };
  const workers = Array.from({ length: threads }, () => {
    const worker = new Worker(new URL('verify-worker.ts', import.meta.url), { workerData: directory });
    worker.on('message', (reply: Reply) => {
      const waiting = busy.get(worker);
      if (waiting?.errand.id !== reply.id) return;
      if ('bytes' in reply) {
        waiting.onBytes?.(reply.bytes);
        return;
      }
      busy.delete(worker);
      if ('answer' in reply) waiting.resolve(reply.answer);
      else waiting.reject(new Fault(reply.fault.code, reply.fault.message, reply.fault.details));
      next(worker);
    });
    worker.on('error', (error: unknown) => fail(error instanceof Error ? error : new Error(String(error))));
    // Without a word: whoever waits for it would do so for good.
    worker.on('exit', (code) => fail(new Error(`a thread of the verification ended with ${code}`)));
    idle.push(worker);
    return worker;
  });

  return {
    tasks: threads * 2, // so that none waits for its next one
    run: (task, onBytes) =>
      new Promise((resolve, reject) => {
        if (broken !== undefined) {
          reject(broken);
          return;
        }
        queue.push({
          errand: { id: ++lastId, task },
          resolve: resolve as Waiting['resolve'],
          reject,
          onBytes,
        });
        const worker = idle.pop();
        if (worker !== undefined) next(worker);
      }),
    async [Symbol.asyncDispose]() {
      fail(new Error('the verification has ended'));
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
}
