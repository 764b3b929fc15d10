import { randomUUID } from 'node:crypto';
import { type Purge, type Task, TASK_ENDED } from '@gantry/catalog';
import type { Messages } from '@gantry/messages';
import { type Digest, digestOf, Fault, parseDigest } from '@gantry/oci';
import type { Flow } from '../context.ts';
import { recordTask } from '../work/create-task.ts';
import { sendWork } from '../work/queues.ts';

export interface PurgeRequest {
  readonly digest: string;
  readonly reason: string;
}

/** What has no content that could be purged, and is in nearly every artifact: image-spec, "Guidance for an empty descriptor". */
const EMPTY = new Set([digestOf('{}'), digestOf('')]);

/**
 * Bans a digest from now on, and has a worker take out what is there of it. A digest that nothing is known of may be
 * purged, too. One that was purged before stays purged as it was.
 * @returns the purge and the task that takes it out
 * @throws Fault DIGEST_INVALID; REQUEST_UNPROCESSABLE for the empty blob
 */
export async function acceptPurge(
  flow: Flow,
  messages: Messages,
  { digest, reason }: PurgeRequest,
  by: string,
): Promise<{ purge: Purge; task: Task }> {
  if (EMPTY.has(parseDigest(digest))) {
    throw new Fault(
      'REQUEST_UNPROCESSABLE',
      `${digest} is the empty blob, which holds nothing and which nearly every artifact names: purge a manifest instead`,
      { digest },
    );
  }
  const { purge, created } = await flow.catalog.purges.create({
    digest: parseDigest(digest),
    reason,
    by,
    at: flow.now().toISOString(),
    task: randomUUID(),
  });
  if (created) flow.log.warn({ digest: purge.digest, reason, by, task: purge.task }, 'purge.accepted');
  return { purge, task: await ensurePurgeTask(flow, messages, purge) };
}

/** The task of a purge: made if whoever accepted it was cut off before that, and handed to a worker unless it has ended. */
export async function ensurePurgeTask(
  flow: Pick<Flow, 'catalog' | 'now'>,
  messages: Messages,
  purge: Purge,
): Promise<Task> {
  const task = (await flow.catalog.tasks.get(purge.task)) ?? (await recordPurgeTask(flow, purge));
  if (!TASK_ENDED.includes(task.state)) await sendWork(messages, { type: 'work.publish', task: task.id });
  return task;
}

async function recordPurgeTask(flow: Pick<Flow, 'catalog' | 'now'>, purge: Purge): Promise<Task> {
  const { digest, reason, by, task: id } = purge;
  try {
    return await recordTask(flow, 'purge', { digest, reason, by }, id);
  } catch (error) {
    const other = await flow.catalog.tasks.get(id);
    if (other !== undefined) return other; // somebody else was faster
    throw error;
  }
}

/** The purge that a task is to carry out. @throws Fault INTERNAL for one that is of none */
export async function purgeOfTask({ catalog }: Pick<Flow, 'catalog'>, task: Task): Promise<Purge> {
  const { digest } = task.parameters;
  const purge = typeof digest === 'string' ? await catalog.purges.get(digest as Digest) : undefined;
  if (purge !== undefined) return purge;
  throw new Fault('INTERNAL', `the task ${task.id} is of no purge`, { task: task.id });
}
