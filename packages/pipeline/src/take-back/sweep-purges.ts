import { type Purge, TASK_ENDED } from '@gantry/catalog';
import type { Messages } from '@gantry/messages';
import { withLease } from '../hold-lease.ts';
import { allPages } from './all-pages.ts';
import { ensurePurgeTask } from './purge.ts';
import { findPurged, isNowhere, type PurgeContext, takeOutPurged } from './purge-steps.ts';

const LEASE = 'purge-sweep';

/**
 * Proves of each purge that nothing of it has come back, and takes it out if it has: what a process held that was stopped
 * for long, or what was restored from a backup. Makes the tasks that are missing. One process at a time does it.
 */
export async function sweepPurges(
  context: PurgeContext,
  messages: Messages,
  signal: AbortSignal,
): Promise<void> {
  const { flow } = context;
  if (!(await flow.catalog.purges.some())) return;
  await withLease(flow, LEASE, async (lease) => {
    const both = AbortSignal.any([signal, lease.signal]);
    for await (const purge of allPages((page) => flow.catalog.purges.list(page))) {
      both.throwIfAborted();
      await sweepOne(context, messages, purge, both);
    }
  });
}

async function sweepOne(
  context: PurgeContext,
  messages: Messages,
  purge: Purge,
  signal: AbortSignal,
): Promise<void> {
  const { flow } = context;
  const task = await ensurePurgeTask(flow, messages, purge);
  if (!TASK_ENDED.includes(task.state)) return;
  const { digest } = purge;
  const found = await findPurged(context, digest);
  if (isNowhere(found)) return;
  const { objects, sizeBytes } = found;
  flow.log.warn(
    { digest, objects, inStore: sizeBytes !== undefined, manifests: found.content.manifests.size },
    'purge.content_came_back',
  );
  await takeOutPurged(context, purge, signal);
}
