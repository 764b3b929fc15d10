import type { Task, TaskError } from '@gantry/catalog';
import { asFault, Fault, toProblem } from '@gantry/oci';
import type { Flow } from '../context.ts';
import type { PublishedTree } from '../publish/published-tree.ts';
import type { Progress } from '../sync/progress.ts';
import type { TaskOutcome } from '../work/run-task.ts';
import { collectStore } from './store/collect-store.ts';
import type { CollectStoreOptions, StoreCollection } from './store/store-collection.ts';
import { collectTree } from './tree/collect-tree.ts';
import type { TreeCollection } from './tree/tree-collection.ts';

/** What a collection goes over, and by which rules. */
export interface CollectionContext extends Pick<CollectStoreOptions, 'sources' | 'graceMs'> {
  readonly flow: Flow;
  readonly trees: readonly PublishedTree[];
}

/** What a collection has come to, as its task's result has it. */
export interface CollectionReport {
  readonly dryRun: boolean;
  /** By tree; one that failed is missing. */
  readonly trees: readonly TreeCollection[];
  /** null: it failed. */
  readonly store: StoreCollection | null;
}

/**
 * Carries out a collection's task: each tree, then the store. What fails is one entry in the task's list of errors, and so
 * is what is missing; the others go on.
 */
export async function runCollection(
  { flow, trees, sources, graceMs }: CollectionContext,
  task: Task,
  progress: Progress,
  signal: AbortSignal,
): Promise<TaskOutcome> {
  const dryRun = task.parameters['dryRun'] === true;
  const errors: TaskError[] = [];
  const attempt = async <T>(item: string, work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      if (signal.aborted) throw error;
      flow.log.error({ err: asFault(error), task: task.id, item }, 'collection.failed');
      errors.push({ item, problem: toProblem(error) });
      return undefined;
    }
  };
  const collected: TreeCollection[] = [];
  for (const tree of trees) {
    const report = await attempt(tree.name, () =>
      collectTree(
        { flow, tree },
        { dryRun, signal, onProgress: ({ objects }) => progress.isAt({ blobs: objects, bytes: 0 }) },
      ),
    );
    if (report !== undefined) collected.push(report);
  }
  const store = await attempt('store', () =>
    collectStore(flow, { sources, trees, graceMs, dryRun, signal, onProgress: (at) => progress.isAt(at) }),
  );
  for (const digest of store?.missing.digests ?? []) {
    const fault = new Fault(
      'MANIFEST_BLOB_UNKNOWN',
      `${digest} is needed and is not in the store: sync its repository again`,
      { digest },
    );
    errors.push({ item: digest, problem: toProblem(fault) });
  }
  const report: CollectionReport = { dryRun, trees: collected, store: store ?? null };
  flow.log.info(
    {
      task: task.id,
      dryRun,
      freed: store?.freed,
      condemned: store?.condemned,
      missing: store?.missing.count,
      trees: collected.map(({ tree, removed, condemned }) => ({ tree, removed, condemned })),
    },
    'collection.ended',
  );
  const nothingDone = store === undefined && collected.length === 0;
  const state = errors.length === 0 ? 'done' : nothingDone ? 'failed' : 'partial';
  return { state, errors, result: { ...report } };
}
