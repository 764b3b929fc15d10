import type { Messages } from '@gantry/messages';
import { asFault, Fault } from '@gantry/oci';
import { type Flow, QUEUES, type Source, startEventSender } from '@gantry/pipeline';
import type { Metrics } from '@gantry/service';
import { z } from 'zod';
import { createSyncRunner } from './run-sync.ts';
import { lookEvery, repeat } from './schedule.ts';
import { startRetries, startScheduled } from './start-due.ts';
import { createSyncMetrics, type SyncMetrics } from './sync-metrics.ts';
import { isFull, syncOf } from './sync-parameters.ts';
import { createSyncWorker } from './sync-worker.ts';

/** How many tasks wait or run in one process; the rest is left to others. */
const TASKS_AT_HAND = 64;
/** How often tasks are looked for that a worker which died has left. */
const SWEEP_EVERY_MS = 5000;
/** How often it is looked whether something is to be tried again. */
const RETRY_LOOK_EVERY_MS = 2000;
/** How many of the last tasks are searched for the last success of each source. */
const FORMER_TASKS = 1000;

const Work = z.object({ task: z.string() });

export interface SyncServiceOptions {
  readonly flow: Flow;
  readonly messages: Messages;
  readonly sources: readonly ScheduledSource[];
  /** Where its figures are shown; absent: nowhere. */
  readonly metrics?: Metrics;
  /** From 0 to 1: spreads what is repeated and what is tried again. */
  readonly random?: () => number;
  /** 2 s unless said otherwise. */
  readonly retryLookEveryMs?: number;
}

export interface ScheduledSource {
  readonly source: Source;
  /** How often it is synced by itself; absent: only when asked. */
  readonly everyMs?: number;
}

/** Runs sync tasks: those that are asked for, those that are due, and those that a dead worker has left. */
export async function startSync(options: SyncServiceOptions): Promise<AsyncDisposable> {
  const { flow, messages, sources, random = Math.random } = options;
  const metrics = createSyncMetrics(options.metrics);
  const stop = new AbortController();
  const names = sources.map(({ source }) => source);
  const worker = createSyncWorker(
    flow,
    createSyncRunner({ flow, sources: names, metrics, random }),
    stop.signal,
  );
  const onError = (error: unknown) => flow.log.error({ err: asFault(error) }, 'sync.worker_failed');
  await using sending = new AsyncDisposableStack();
  sending.use(startEventSender({ flow, messages }));

  const consumer = await messages.consume(
    QUEUES.sync,
    ({ event }) => worker.run(Work.parse(event.data).task),
    { prefetch: TASKS_AT_HAND, onError },
  );
  const sweep = async () => {
    const open = await flow.catalog.tasks.inStates(['queued', 'running']);
    const syncs = open.filter(({ kind }) => kind === 'sync').slice(0, TASKS_AT_HAND);
    for (const { id } of syncs) worker.run(id).catch(onError);
  };
  const retry = async () => {
    for (const { name } of names) metrics.of(name).retried(await startRetries(flow, messages, name));
  };
  await using timers = new AsyncDisposableStack();
  timers.use(lookEvery(SWEEP_EVERY_MS, sweep, onError));
  timers.use(lookEvery(options.retryLookEveryMs ?? RETRY_LOOK_EVERY_MS, retry, onError));
  for (const { source, everyMs } of sources) {
    if (everyMs === undefined) continue;
    const start = () => startScheduled(flow, messages, source.name, everyMs);
    timers.use(repeat(everyMs, random, start, onError));
  }
  await showFormerSuccesses(flow, metrics);
  await sweep();

  const [started, sender] = [timers.move(), sending.move()];
  return {
    async [Symbol.asyncDispose]() {
      await started.disposeAsync();
      stop.abort(new Fault('UNAVAILABLE', 'the service stops'));
      await consumer[Symbol.asyncDispose]();
      await worker.idle();
      await sender.disposeAsync();
    },
  };
}

/** So that whoever watches the time since the last success need not begin anew when the service does. */
async function showFormerSuccesses({ catalog }: Flow, metrics: SyncMetrics): Promise<void> {
  const { items } = await catalog.tasks.list({ kind: 'sync', state: 'done', limit: FORMER_TASKS });
  for (const task of items.toReversed()) {
    const sync = syncOf(task);
    if (sync !== undefined && isFull(sync) && task.endedAt !== undefined)
      metrics.of(sync.source).succeeded(new Date(task.endedAt));
  }
}
