import { type OutboxEvent, type Task, type TaskState, taskRecord } from '@gantry/catalog';
import type { SyncData } from './event-data.ts';

/** A longer list is for `GET /api/v1/tasks/{id}`. */
const ERRORS_MAX = 100;

/**
 * What befalls a task by its change from one state to another: of a sync, its end. A sync that is cancelled or dry has
 * none. One that did not bring all that it was asked for has failed, and says how far.
 */
export function taskEvents(former: Pick<Task, 'state'>, task: Task): OutboxEvent[] {
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

function isSyncEnd(state: TaskState): state is SyncData['state'] {
  return state === 'done' || state === 'partial' || state === 'failed';
}
