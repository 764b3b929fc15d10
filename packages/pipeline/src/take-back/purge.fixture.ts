import type { Task } from '@gantry/catalog';
import type { Digest } from '@gantry/oci';
import type { FlowFixture } from '../flow.fixture.ts';
import { recordTask } from '../work/create-task.ts';
import { runTask } from '../work/run-task.ts';
import type { PurgeObserver } from './purge-steps.ts';
import { runPurge } from './run-purge.ts';

export const REASON = 'a private key is in it';

/** Bans a digest. @returns the task that is to take it out */
export async function ban({ flow }: FlowFixture, digest: Digest, reason = REASON): Promise<Task> {
  const at = flow.now().toISOString();
  const task = await recordTask(flow, 'purge', { digest });
  await flow.catalog.purges.create({ digest, reason, by: 'admin', at, task: task.id });
  return task;
}

/** Runs the task of a purge. @returns the task as it stands then */
export async function takeOut(fixture: FlowFixture, task: Task, observer: PurgeObserver = {}): Promise<Task> {
  const { flow } = fixture;
  const stop = new AbortController().signal;
  const work: Parameters<typeof runTask>[2] = (now, progress, signal) =>
    runPurge(fixture, now, progress, signal, observer);
  await runTask(flow, task.id, work, stop);
  return (await flow.catalog.tasks.get(task.id)) ?? task;
}

/** Bans a digest and takes it out. */
export async function purge(fixture: FlowFixture, digest: Digest): Promise<Task> {
  return takeOut(fixture, await ban(fixture, digest));
}
