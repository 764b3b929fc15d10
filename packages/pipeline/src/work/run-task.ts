import { type Task, TASK_ENDED, updateTask } from '@gantry/catalog';
import { asFault, Fault, toProblem } from '@gantry/oci';
import type { Flow } from '../context.ts';
import { taskEvents } from '../events/task-events.ts';
import { type HeldLease, withLease } from '../hold-lease.ts';
import { Progress } from '../sync/progress.ts';

const SAVE_PROGRESS_EVERY_MS = 1000;

/** What came of a task's work. */
export type TaskOutcome = Pick<Task, 'state' | 'errors' | 'result'>;

/**
 * Runs a task, unless it has ended or another worker has it. Its progress is saved every second; a task that is
 * cancelled meanwhile has its signal aborted.
 * @param work gives undefined to leave the task as it is, for another run
 */
export async function runTask(
  flow: Flow,
  id: string,
  work: (task: Task, progress: Progress, signal: AbortSignal) => Promise<TaskOutcome | undefined>,
  stop: AbortSignal,
): Promise<void> {
  await withLease(flow, `task:${id}`, async (lease) => {
    const known = await flow.catalog.tasks.get(id);
    if (known === undefined || TASK_ENDED.includes(known.state)) return;
    const task = await updateTask(flow.catalog, id, (now) =>
      now.state === 'queued' ? { ...now, state: 'running', startedAt: flow.now().toISOString() } : undefined,
    );
    if (task.state !== 'running') return;
    const cancelled = new AbortController();
    const progress = new Progress();
    const save = setInterval(() => {
      saveProgress(flow, id, progress, cancelled).catch((error: unknown) => {
        flow.log.warn({ err: error, task: id }, 'task.progress_not_saved');
      });
    }, SAVE_PROGRESS_EVERY_MS);
    let outcome: TaskOutcome | undefined;
    try {
      outcome = await work(task, progress, AbortSignal.any([cancelled.signal, stop, lease.signal]));
    } catch (error) {
      // Of a process that stops, and of a lost lease, the task is another worker's to go on with.
      if (stop.aborted || lease.signal.aborted || cancelled.signal.aborted) return;
      flow.log.error({ err: asFault(error), task: id }, 'task.failed');
      outcome = {
        state: 'failed',
        errors: [{ item: nameOf(task), problem: toProblem(error) }],
      };
    } finally {
      clearInterval(save);
    }
    if (outcome === undefined || !(await isStillHeld(flow, id, lease))) return;
    await updateTask(
      flow.catalog,
      id,
      (now) =>
        now.state === 'running'
          ? { ...now, ...outcome, progress: progress.read(), endedAt: flow.now().toISOString() }
          : undefined,
      taskEvents,
    );
  });
}

/** A worker that was stopped for longer than its lease lasts leaves the end of the task to who has taken it over. */
async function isStillHeld(flow: Flow, id: string, lease: HeldLease): Promise<boolean> {
  try {
    await lease.confirm();
    return true;
  } catch (error) {
    if (!lease.signal.aborted) throw error;
    flow.log.warn({ err: asFault(error), task: id }, 'task.left_to_another');
    return false;
  }
}

/** What a task that failed as a whole is about. */
function nameOf({ kind, parameters }: Task): string {
  const { source } = parameters;
  return typeof source === 'string' ? source : kind;
}

async function saveProgress(
  flow: Flow,
  id: string,
  progress: Progress,
  cancelled: AbortController,
): Promise<void> {
  const task = await updateTask(flow.catalog, id, (now) => {
    const next = progress.read();
    const isNew = JSON.stringify(now.progress) !== JSON.stringify(next);
    return now.state === 'running' && isNew ? { ...now, progress: next } : undefined;
  });
  if (task.state === 'cancelled') cancelled.abort(new Fault('CONFLICT', `the task ${id} was cancelled`));
}
