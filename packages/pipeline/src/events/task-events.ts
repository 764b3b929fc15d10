import { type OutboxEvent, type Task, type TaskState, taskRecord } from '@gantry/catalog';
import type { CollectionReport } from '../collect/run-collection.ts';
import type { BlobCount } from '../collect/store/store-collection.ts';
import type { ObjectCount } from '../collect/tree/tree-collection.ts';
import type { CollectionData, SyncData } from './event-data.ts';

/** A longer list is for `GET /api/v1/tasks/{id}`. */
const ERRORS_MAX = 100;

/**
 * What befalls a task by its change from one state to another: of a sync, its end. A sync that is cancelled or dry has
 * none. One that did not bring all that it was asked for has failed, and says how far. Of a collection, what came of it.
 */
export function taskEvents(former: Pick<Task, 'state'>, task: Task): OutboxEvent[] {
  if (task.kind === 'gc') return former.state === task.state ? [] : collectionEvents(task);
  const { id, kind, parameters, state, progress, errors } = task;
  const { source, dryRun } = parameters;
  if (former.state === state || !isSyncEnd(state)) return [];
  if (kind !== 'sync' || dryRun === true || typeof source !== 'string') return [];
  const what = state === 'done' ? 'done' : 'failed';
  const { bytes, blobs, tags } = progress;
  const data: SyncData = {
    id,
    source,
    state,
    progress: { bytes, blobs, tags },
    failed: errors.length,
    errors: errors
      .slice(0, ERRORS_MAX)
      .map(({ item, problem, retryAt }) => ({ item, problem, retryAt: retryAt ?? null })),
  };
  return [
    {
      id: `task/${id}/${what}`,
      type: `sync.${what}`,
      subject: source,
      time: task.endedAt ?? task.createdAt,
      data,
      record: taskRecord(task),
    },
  ];
}

function collectionEvents(task: Task): OutboxEvent[] {
  const { id, state, result, createdAt, endedAt } = task;
  const report = result as CollectionReport | undefined;
  if ((state !== 'done' && state !== 'partial') || report === undefined || report.dryRun) return [];
  const { store, trees } = report;
  const data: CollectionData = {
    id,
    state,
    store: store && {
      condemned: amountOf(store.condemned),
      freed: amountOf(store.freed),
      waiting: amountOf(store.waiting),
      missing: store.missing.count,
    },
    trees: trees.map(({ tree, condemned, removed, waiting }) => ({
      tree,
      condemned: amountOf(condemned),
      freed: amountOf(removed),
      waiting: amountOf(waiting),
    })),
  };
  const time = endedAt ?? createdAt;
  return [{ id: `task/${id}/done`, type: 'gc.done', subject: 'store', time, data, record: taskRecord(task) }];
}

function amountOf(count: BlobCount | ObjectCount): { objects: number; bytes: number } {
  return { objects: 'blobs' in count ? count.blobs : count.objects, bytes: count.bytes };
}

function isSyncEnd(state: TaskState): state is SyncData['state'] {
  return state === 'done' || state === 'partial' || state === 'failed';
}
