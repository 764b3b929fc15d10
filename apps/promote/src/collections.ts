import { randomUUID } from 'node:crypto';
import type { Task } from '@gantry/catalog';
import type { Messages } from '@gantry/messages';
import { asFault, Fault } from '@gantry/oci';
import {
  type CollectionContext,
  createTask,
  type Publisher,
  runCollection,
  runScrub,
  runTask,
} from '@gantry/pipeline';

const LOOK_EVERY_MS = 60_000;
const FIRST_FENCE = 1;

/** When what nothing needs is deleted, and when the store is read through. */
export interface CollectionRules {
  readonly everyMs: number;
  /** How fast a scrub reads that does not say. */
  readonly scrubBytesPerSecond: number;
  /** Absent: only when it is asked for. */
  readonly scrubEveryMs?: number;
}

export interface CollectionsOptions extends Omit<CollectionContext, 'trees'> {
  readonly messages: Messages;
  readonly publishers: readonly Pick<Publisher, 'tree' | 'filesChanged'>[];
  readonly rules: CollectionRules;
}

/** Collections and scrubs of one process. They may take hours, so nothing waits for them. */
export interface Collections extends AsyncDisposable {
  /** Whether a task is one of theirs. */
  runs(task: Pick<Task, 'kind'>): boolean;
  /** Runs a task, unless it has ended or another worker has it. One that runs here already is not taken twice. */
  start(task: string): void;
}

/** Runs what is asked for, and asks for what is due. */
export function startCollections(options: CollectionsOptions): Collections {
  const { flow, messages, publishers, rules } = options;
  const trees = publishers.map(({ tree }) => tree);
  const stop = new AbortController();
  const running = new Map<string, Promise<void>>();
  const onError = (error: unknown) => {
    if (!stop.signal.aborted) flow.log.error({ err: asFault(error) }, 'collection.worker_failed');
  };
  const scrubbing = {
    flow,
    trees,
    onTreeChanged: (name: string) => publishers.find(({ tree }) => tree.name === name)?.filesChanged(),
    bytesPerSecond: rules.scrubBytesPerSecond,
    startSync: async (parameters: Task['parameters']) =>
      (await createTask(flow, messages, 'sync', parameters)).id,
  };
  const run = (id: string) =>
    runTask(
      flow,
      id,
      (task, progress, signal) =>
        task.kind === 'gc'
          ? runCollection({ ...options, trees }, task, progress, signal)
          : runScrub(scrubbing, task, progress, signal),
      stop.signal,
    );
  const start = (id: string) => {
    if (running.has(id) || stop.signal.aborted) return;
    running.set(
      id,
      run(id)
        .catch(onError)
        .finally(() => running.delete(id)),
    );
  };

  const look = async () => {
    await askIfDue(options, 'gc', rules.everyMs);
    if (rules.scrubEveryMs !== undefined) await askIfDue(options, 'scrub', rules.scrubEveryMs);
  };
  let looking: Promise<void> | undefined;
  const startLook = () => {
    looking ??= look()
      .catch(onError)
      .finally(() => (looking = undefined));
  };
  const timer = setInterval(startLook, LOOK_EVERY_MS);
  startLook();
  return {
    runs: ({ kind }) => kind === 'gc' || kind === 'scrub',
    start,
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      stop.abort(new Fault('UNAVAILABLE', 'the service stops'));
      await looking;
      await Promise.allSettled(running.values());
    },
  };
}

/**
 * Asks for what is due. A lease that is not given back tells when: while it lasts nobody asks again, whoever is started
 * meanwhile. The very first one is the first wait. Another interval is another lease, as a changed configuration holds at
 * once.
 */
async function askIfDue(
  { flow, messages }: Pick<CollectionsOptions, 'flow' | 'messages'>,
  kind: 'gc' | 'scrub',
  everyMs: number,
): Promise<void> {
  const { leases, tasks } = flow.catalog;
  const holder = `${flow.holder} ${randomUUID()}`;
  const lease = await leases.acquire(`schedule-${kind}:${everyMs}`, holder, everyMs);
  if (lease === undefined || lease.fence === FIRST_FENCE) return;
  if ((await tasks.inStates(['queued', 'running'])).some((task) => task.kind === kind)) {
    flow.log.info({ kind }, 'collection.skipped_still_running');
    return;
  }
  await createTask(flow, messages, kind, { cause: 'schedule' });
}
