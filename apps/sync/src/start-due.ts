import type { Failure } from '@gantry/catalog';
import type { Messages } from '@gantry/messages';
import { createTask, type Flow, type SyncItem, withLease } from '@gantry/pipeline';
import { isFull, type SyncParameters, syncOf } from './sync-parameters.ts';

/** How much is tried again at once; the rest follows. */
const RETRIES_A_TASK = 1000;

/**
 * Asks for the periodic sync of a source. Of several processes that find it due one does so. A source that is still being
 * synced is left to that.
 */
export async function startScheduled(
  flow: Flow,
  messages: Messages,
  source: string,
  everyMs: number,
): Promise<void> {
  // It is not given back: it keeps the others away until its time is over. Another interval is another lease, so that a
  // changed configuration need not wait for the former one.
  const name = `schedule:${source}:${everyMs}`;
  const lease = await flow.catalog.leases.acquire(name, flow.holder, Math.floor(everyMs / 2));
  if (lease === undefined) return;
  if ((await openSyncs(flow, source)).some(isFull)) {
    flow.log.info({ source }, 'sync.skipped_still_running');
    return;
  }
  await createTask(flow, messages, 'sync', { source, cause: 'schedule' });
}

/**
 * Asks for a sync of what has failed and is to be tried again by now. While one is open, or a sync of all that the source
 * has, nothing more is asked for.
 * @returns how much is tried again
 */
export async function startRetries(flow: Flow, messages: Messages, source: string): Promise<number> {
  const findDue = () => flow.catalog.failures.due(source, flow.now().toISOString(), RETRIES_A_TASK);
  if ((await findDue()).length === 0) return 0;
  const started = await withLease(flow, `retry:${source}`, async () => {
    const open = await openSyncs(flow, source);
    if (open.some((sync) => isFull(sync) || sync.cause === 'retry')) return 0;
    const due = await findDue();
    const [tags, repositories] = [itemsOf(due), wholeRepositories(due)];
    if (tags.length > 0) await createTask(flow, messages, 'sync', { source, items: tags, cause: 'retry' });
    if (repositories.length > 0)
      await createTask(flow, messages, 'sync', { source, repositories, cause: 'retry' });
    return due.length;
  });
  return started?.value ?? 0;
}

async function openSyncs(flow: Flow, source: string): Promise<SyncParameters[]> {
  const open = await flow.catalog.tasks.inStates(['queued', 'running']);
  return open.map(syncOf).filter((sync) => sync !== undefined && sync.source === source) as SyncParameters[];
}

function itemsOf(failures: readonly Failure[]): SyncItem[] {
  const tags = new Map<string, string[]>();
  for (const { sourceRepository, tag } of failures)
    if (tag !== undefined) tags.getOrInsertComputed(sourceRepository, () => []).push(tag);
  return [...tags].map(([sourceRepository, of]) => ({ sourceRepository, tags: of }));
}

function wholeRepositories(failures: readonly Failure[]): string[] {
  return failures.filter(({ tag }) => tag === undefined).map(({ repository }) => repository);
}
