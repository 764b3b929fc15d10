import { type Task, updateTask } from '@gantry/catalog';
import { asFault, toProblem } from '@gantry/oci';
import type { Progress } from '../sync/progress.ts';
import type { TaskOutcome } from '../work/run-task.ts';
import { purgeOfTask } from './purge.ts';
import { type Found, type PurgeContext, type PurgeObserver, takeOutPurged } from './purge-steps.ts';

/** So many tags stand in a result by name. */
const TAGS_SHOWN = 1000;

/**
 * Carries out a purge's task. What fails is noted in the task, which stays open: a purge is tried again until it is done.
 * @returns undefined as long as it is not
 */
export async function runPurge(
  context: PurgeContext,
  task: Task,
  progress: Progress,
  signal: AbortSignal,
  observer: PurgeObserver = {},
): Promise<TaskOutcome | undefined> {
  const { catalog, log } = context.flow;
  const { id } = task;
  let result: NonNullable<Task['result']> = task.result ?? {};
  let there: Found | undefined;
  const note = async (said: object) => {
    // What an earlier run found, before it was cut off, was more.
    result = { ...said, ...result };
    await updateTask(catalog, id, (now) => (now.state === 'running' ? { ...now, result } : undefined));
  };
  const purge = await purgeOfTask(context.flow, task);
  try {
    await takeOutPurged(context, purge, signal, {
      async found(found) {
        await observer.found?.(found);
        there = found;
        progress.expectTags(found.gone.length);
        if (found.sizeBytes !== undefined) progress.expectBlob(found.sizeBytes);
        await note(resultOf(found));
      },
      before: (step) => observer.before?.(step),
      async after(step, report) {
        if (step === 'publish') for (const _ of there?.gone ?? []) progress.tag();
        if (step === 'delete from store' && there?.sizeBytes !== undefined) {
          progress.bytes(there.sizeBytes);
          progress.blob();
        }
        if (Object.keys(report).length > 0) await note(report);
        await observer.after?.(step, report);
      },
    });
  } catch (error) {
    if (signal.aborted) throw error;
    const problem = toProblem(error);
    log.error({ err: asFault(error), task: id, digest: purge.digest }, 'purge.failed');
    const errors = [{ item: purge.digest, problem }];
    await updateTask(catalog, id, (now) => (now.state === 'running' ? { ...now, errors } : undefined));
    return undefined;
  }
  log.warn({ digest: purge.digest, task: id, ...result, tags: undefined }, 'purge.done');
  return { state: 'done', errors: [], result };
}

function resultOf({ content, gone, changed, candidates, sizeBytes, objects }: Found): object {
  return {
    manifests: content.manifests.size,
    tags: gone.slice(0, TAGS_SHOWN).map(({ channel, repository, tag }) => ({ channel, repository, tag })),
    tagsTakenOut: gone.length,
    tagsChanged: changed.length,
    candidates,
    objects,
    bytes: sizeBytes ?? 0,
  };
}
