import cluster from 'node:cluster';
import { getCompileCacheDir } from 'node:module';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { WantedObject } from '@gantry/app-crane';
import { Fault } from '@gantry/oci';
import { OLD_GENERATION } from '../old-generation.ts';
import { YOUNG_MIB } from '../young-generation.ts';
import type { FromWorker, ToWorker, WorkerFigures, WorkerStart } from './messages.ts';

/** A worker that is silent is not waited for any longer. */
const ANSWER_LIMIT_MS = 2000;
const PROGRAM = fileURLToPath(new URL('worker.ts', import.meta.url));

/** A worker, as the process that guides it sees it. */
export interface WorkerProcess {
  readonly place: number;
  /** Absent: the system started none. */
  readonly pid: number | undefined;
  /** Where it listens. Rejects with the fault that keeps it from that, or when it has ended before. */
  readonly listening: Promise<string>;
  /** Resolves when it is gone: by itself with an exit code, or by a signal. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  /** Whether it takes requests; it does until it is gone. */
  readonly isListening: boolean;
  /** The serial that it serves; undefined before the first. */
  readonly serial: number | undefined;
  /** How many messages have come from it. */
  readonly messages: number;
  /** As it told them last. */
  readonly figures: WorkerFigures | undefined;
  /** One that has not heard its start yet is told nothing: what it starts with says all. */
  tell(message: ToWorker): void;
  /** Tells it something, and returns when it has given this answer, is gone, has been silent for two seconds, or does not listen yet. */
  ask(message: ToWorker, answer: FromWorker['tell']): Promise<void>;
  /** Has it answer what it has accepted, and end. */
  end(): void;
  kill(signal: NodeJS.Signals): void;
}

export interface WorkerEvents {
  /** What it is to start with, asked for when it is there to hear it. */
  readonly start: () => WorkerStart;
  readonly onSuspect: (mirror: string, object: WantedObject) => void;
  readonly onFigures: (figures: WorkerFigures, former: WorkerFigures | undefined) => void;
  readonly onListening: () => void;
}

/**
 * Starts one. All of them accept from one socket, as the kernel wakes them (SCHED_NONE). Handed out by this process
 * (SCHED_RR) a connection would cost it as much again, and one that is on its way to a worker that dies would hang; with a socket
 * for each (reusePort) those that wait at the socket of one that ends would be reset.
 */
export function forkWorker(place: number, on: WorkerEvents): WorkerProcess {
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  cluster.setupPrimary({
    exec: PROGRAM,
    args: [],
    execArgv: [...process.execArgv, `--max-semi-space-size=${YOUNG_MIB}`, OLD_GENERATION],
  });
  const compiled = getCompileCacheDir();
  const worker = cluster.fork(compiled === undefined ? {} : { NODE_COMPILE_CACHE: compiled });
  const listening = Promise.withResolvers<string>();
  const ended = Promise.withResolvers<{ code: number | null; signal: string | null }>();
  listening.promise.catch(() => undefined); // whoever waits for it is told
  const asked = new Map<FromWorker['tell'], PromiseWithResolvers<void>>();
  let hears = false;
  let state: 'starting' | 'listening' | 'over' = 'starting';
  let serial: number | undefined;
  let messages = 0;
  let figures: WorkerFigures | undefined;

  const tell = (message: ToWorker) => {
    if (message.tell === 'start') hears = true;
    // That one is gone is told by `ended`.
    if (hears && worker.isConnected()) worker.send(message, () => {});
  };
  const take = (message: FromWorker) => {
    messages++;
    switch (message.tell) {
      case 'booted':
        tell({ tell: 'start', ...on.start() });
        break;
      case 'listening':
        if (state === 'starting') state = 'listening';
        serial = message.serial;
        listening.resolve(message.url);
        on.onListening();
        break;
      case 'serving':
        serial = message.serial;
        break;
      case 'configured':
        break;
      case 'suspect':
        on.onSuspect(message.mirror, message.object);
        break;
      case 'figures':
        on.onFigures(message, figures);
        figures = message;
        break;
      case 'failed':
        listening.reject(new Fault(message.code, message.message, message.details));
    }
    asked.get(message.tell)?.resolve();
    asked.delete(message.tell);
  };
  worker.on('message', take);
  worker.once('error', (error) => listening.reject(error));
  worker.once('exit', (code, signal) => {
    state = 'over';
    listening.reject(
      new Fault('UNAVAILABLE', `worker ${place} ended before it listened (${signal ?? `exit ${code}`})`),
    );
    ended.resolve({ code, signal });
  });
  return {
    place,
    pid: worker.process.pid,
    listening: listening.promise,
    ended: ended.promise,
    get isListening() {
      return state === 'listening';
    },
    get serial() {
      return serial;
    },
    get messages() {
      return messages;
    },
    get figures() {
      return figures;
    },
    tell,
    async ask(message, answer) {
      tell(message);
      if (state !== 'listening') return;
      const answered = asked.getOrInsertComputed(answer, () => Promise.withResolvers<void>());
      await Promise.race([
        answered.promise,
        ended.promise,
        pause(ANSWER_LIMIT_MS, undefined, { ref: false }),
      ]);
    },
    end() {
      if (hears) tell({ tell: 'end' });
      else worker.process.kill('SIGKILL'); // it has accepted nothing yet
    },
    kill: (signal) => worker.process.kill(signal),
  };
}
