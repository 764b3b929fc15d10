import type { Task } from '@gantry/catalog';
import { asFault, Fault, toProblem } from '@gantry/oci';
import {
  ContentFetcher,
  type Flow,
  type Progress,
  runTask,
  type Source,
  type SyncOutcome,
  syncSource,
  type TaskOutcome,
} from '@gantry/pipeline';
import { meterProgress } from './meter-progress.ts';
import { noteFailures } from './note-failures.ts';
import { flowOfSync } from './sync-flow.ts';
import { createSyncMetrics, type SyncMetrics } from './sync-metrics.ts';
import { isFull, SyncParameters } from './sync-parameters.ts';

export interface SyncRunnerOptions {
  readonly flow: Flow;
  readonly sources: readonly Source[];
  readonly metrics?: SyncMetrics;
  /** From 0 to 1: spreads what is tried again. */
  readonly random?: () => number;
}

/** Runs one sync task by its id, unless it has ended or another worker has it. Blobs are shared by all that it runs. */
export type SyncRunner = (task: string, stop: AbortSignal) => Promise<void>;

export function createSyncRunner({
  flow,
  sources,
  metrics = createSyncMetrics(),
  random = Math.random,
}: SyncRunnerOptions): SyncRunner {
  const fetcher = new ContentFetcher(flow.catalog, flow.store);
  const byName = new Map(sources.map((source) => [source.name, source]));
  return async (id, stop) => {
    let candidates = 0;
    const own = flowOfSync(flow, id, () => candidates++);
    const parts = { flow: own, fetcher, metrics, random, candidates: () => candidates };
    const work = (task: Task, progress: Progress, signal: AbortSignal) => {
      const asked = SyncParameters.parse(task.parameters);
      return run({ ...parts, asked, source: sourceOf(byName, asked.source), id, progress, signal });
    };
    await runTask(own, id, work, stop);
  };
}

/** One sync on its way. */
interface RunningSync {
  readonly id: string;
  readonly flow: Flow;
  readonly source: Source;
  readonly asked: SyncParameters;
  readonly fetcher: ContentFetcher;
  readonly progress: Progress;
  readonly metrics: SyncMetrics;
  readonly random: () => number;
  /** How many candidates it has put. */
  readonly candidates: () => number;
  readonly signal: AbortSignal;
}

async function run(sync: RunningSync): Promise<TaskOutcome> {
  const { flow, source, asked, fetcher, progress, signal, random } = sync;
  const { repositories, items, dryRun } = asked;
  const meter = sync.metrics.of(source.name);
  const startedMs = performance.now();
  const seconds = () => (performance.now() - startedMs) / 1000;
  let outcome: SyncOutcome;
  try {
    using _ = meterProgress(progress, meter);
    outcome = await syncSource(flow, source, fetcher, {
      id: sync.id,
      ...(repositories === undefined ? {} : { repositories }),
      ...(items === undefined ? {} : { items }),
      ...(dryRun === undefined ? {} : { dryRun }),
      progress,
      signal,
    });
  } catch (error) {
    if (isHandedOn(signal)) throw error;
    meter.ended({
      state: 'failed',
      seconds: seconds(),
      tags: { taken: sync.candidates(), unchanged: 0, failed: 0 },
    });
    await putOff(sync, error);
    throw error;
  }
  const { state, errors, failures, plan } = outcome;
  if (dryRun === true) return { state, errors, result: { plan } };

  const failed = failures.filter(({ tag }) => tag !== undefined).length;
  const taken = sync.candidates();
  const unchanged = Math.max(0, progress.read().tags - taken - failed);
  meter.ended({ state, seconds: seconds(), tags: { taken, unchanged, failed } });
  if (state === 'done' && isFull(asked)) meter.succeeded(flow.now());
  return { state, errors: await noteFailures(flow, source, asked, { errors, failures }, random) };
}

function sourceOf(sources: ReadonlyMap<string, Source>, name: string): Source {
  const source = sources.get(name);
  if (source !== undefined) return source;
  throw new Fault(
    'SOURCE_UNKNOWN',
    `there is no source ${JSON.stringify(name)} in this service's configuration`,
    { source: name },
  );
}

/** Whether the task stays open, for another worker to go on with: all but a task that somebody has cancelled. */
function isHandedOn(signal: AbortSignal): boolean {
  return signal.aborted && asFault(signal.reason).code !== 'CONFLICT';
}

/** What a sync that ended as a whole was asked for by name is tried again later. What it lists comes with the next one. */
async function putOff({ flow, source, asked, random }: RunningSync, error: unknown): Promise<void> {
  if (asked.items === undefined && asked.cause !== 'retry') return;
  const problem = toProblem(error);
  const outcome = { errors: [], failures: [{ problem, retry: true }] };
  await noteFailures(flow, source, asked, outcome, random);
}
