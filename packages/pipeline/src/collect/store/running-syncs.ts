import type { Timestamp } from '@gantry/catalog';
import type { Flow } from '../../context.ts';

/** A sync on its way. */
export interface RunningSync {
  readonly id: string;
  readonly source: string;
  readonly startedAt: Timestamp;
}

/** Syncs that were begun and have not ended, the first that began first. */
export async function runningSyncs({ catalog }: Pick<Flow, 'catalog'>): Promise<RunningSync[]> {
  const tasks = await catalog.tasks.inStates(['running']);
  return tasks
    .filter(({ kind, parameters }) => kind === 'sync' && parameters['dryRun'] !== true)
    .map(({ id, parameters: { source }, startedAt, createdAt }) => ({
      id,
      source: typeof source === 'string' ? source : '',
      startedAt: startedAt ?? createdAt,
    }))
    .toSorted((a, b) => (a.startedAt < b.startedAt ? -1 : 1));
}
