import type { Task } from '@gantry/catalog';
import type { Consumer, Messages } from '@gantry/messages';
import { asFault, Fault } from '@gantry/oci';
import {
  ContentFetcher,
  createTask,
  type Flow,
  type Progress,
  QUEUES,
  runTask,
  type Source,
  syncSource,
  type TaskOutcome,
} from '@gantry/pipeline';
import { z } from 'zod';

/** How many syncs one process runs side by side; each is parallel in itself. */
const SYNCS_AT_ONCE = 4;
/** How often tasks are looked for that a worker which died has left. */
const SWEEP_EVERY_MS = 5000;

/** What a sync task was asked for. */
const SyncParameters = z.object({
  source: z.string(),
  repositories: z.array(z.string()).optional(),
  dryRun: z.boolean().optional(),
});

export interface SyncServiceOptions {
  readonly flow: Flow;
  readonly messages: Messages;
  readonly sources: readonly ScheduledSource[];
}

export interface ScheduledSource {
  readonly source: Source;
  /** How often it is synced by itself; absent: only when asked. */
  readonly everyMs?: number;
}

/** Runs sync tasks: those that are asked for, those that are due, and those that a dead worker has left. */
export async function startSync(options: SyncServiceOptions): Promise<AsyncDisposable> {
  const { flow, messages, sources } = options;
  const runSync = createSyncRunner(flow, sources);
  const stop = new AbortController();
  const running = new Set<Promise<void>>();
  const run = (task: string): Promise<void> => {
    const tracked = runSync(task, stop.signal).finally(() => running.delete(tracked));
    running.add(tracked);
    return tracked;
  };
  const onError = (error: unknown) => flow.log.error({ err: asFault(error) }, 'sync.worker_failed');

  const consumer: Consumer = await messages.consume(
    QUEUES.sync,
    async ({ event }) => run(z.object({ task: z.string() }).parse(event.data).task),
    { prefetch: SYNCS_AT_ONCE, onError },
  );
  const sweep = async () => {
    for (const { id, kind } of await flow.catalog.tasks.inStates(['queued', 'running'])) {
      if (kind === 'sync' && running.size < SYNCS_AT_ONCE) run(id).catch(onError);
    }
  };
  const timers = [
    setInterval(() => void sweep().catch(onError), SWEEP_EVERY_MS),
    ...sources.flatMap(({ source, everyMs }) =>
      everyMs === undefined
        ? []
        : [setInterval(() => void startDue(flow, messages, source.name).catch(onError), everyMs)],
    ),
  ];
  await sweep();

  return {
    async [Symbol.asyncDispose]() {
      for (const timer of timers) clearInterval(timer);
      stop.abort(new Fault('UNAVAILABLE', 'the service stops'));
      await consumer[Symbol.asyncDispose]();
      await Promise.allSettled(running);
    },
  };
}

/** One scheduled sync at a time: a source that is still being synced is not asked for again. */
async function startDue(flow: Flow, messages: Messages, source: string): Promise<void> {
  const open = await flow.catalog.tasks.inStates(['queued', 'running']);
  if (open.some(({ kind, parameters }) => kind === 'sync' && parameters['source'] === source)) {
    flow.log.info({ source }, 'sync.skipped_still_running');
    return;
  }
  await createTask(flow, messages, 'sync', { source });
}

/** Runs one sync task by its id, unless it has ended or another worker has it. Blobs are shared by all that it runs. */
export function createSyncRunner(
  flow: Flow,
  sources: readonly ScheduledSource[],
): (task: string, stop: AbortSignal) => Promise<void> {
  const fetcher = new ContentFetcher(flow.catalog, flow.store);
  const byName = new Map(sources.map(({ source }) => [source.name, source]));
  return (id, stop) =>
    runTask(flow, id, (task, progress, signal) => sync(flow, byName, fetcher, task, progress, signal), stop);
}

async function sync(
  flow: Flow,
  sources: ReadonlyMap<string, Source>,
  fetcher: ContentFetcher,
  task: Task,
  progress: Progress,
  signal: AbortSignal,
): Promise<TaskOutcome> {
  const { source: name, repositories, dryRun } = SyncParameters.parse(task.parameters);
  const source = sources.get(name);
  if (source === undefined) {
    throw new Fault(
      'SOURCE_UNKNOWN',
      `there is no source ${JSON.stringify(name)} in this service's configuration`,
      { source: name },
    );
  }
  const { state, errors, plan } = await syncSource(flow, source, fetcher, {
    id: task.id,
    ...(repositories === undefined ? {} : { repositories }),
    ...(dryRun === undefined ? {} : { dryRun }),
    progress,
    signal,
  });
  return { state, errors, ...(plan === undefined ? {} : { result: { plan } }) };
}
