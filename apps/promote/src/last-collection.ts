import { type Catalog, type Task, TASK_ENDED } from '@gantry/catalog';
import type { CollectionReport, ScrubState } from '@gantry/pipeline';

/** So many of the newest tasks are looked at: dry runs among them, and what is on its way. */
const LOOKED_AT = 20;

type Ended = Task & { readonly endedAt: string };

/** The newest collection that has ended and was no dry run. */
export async function lastCollection(
  catalog: Catalog,
): Promise<{ readonly endedAt: string; readonly report: CollectionReport } | undefined> {
  const task = await lastEnded(catalog, 'gc', ({ parameters }) => parameters['dryRun'] !== true);
  return task && { endedAt: task.endedAt, report: task.result as unknown as CollectionReport };
}

/** The newest scrub that has ended. */
export async function lastScrub(
  catalog: Catalog,
): Promise<{ readonly endedAt: string; readonly state: ScrubState } | undefined> {
  const task = await lastEnded(catalog, 'scrub', () => true);
  return task && { endedAt: task.endedAt, state: task.result as unknown as ScrubState };
}

/** What waits and what was freed, in bytes, by where it lies. */
export function placesOf(
  report: CollectionReport | undefined,
): readonly { readonly place: string; readonly waiting: number; readonly freed: number }[] {
  if (report === undefined) return [];
  const { store, trees } = report;
  return [
    ...(store === null ? [] : [{ place: 'store', waiting: store.waiting.bytes, freed: store.freed.bytes }]),
    ...trees.map(({ tree, waiting, removed }) => ({
      place: `tree:${tree}`,
      waiting: waiting.bytes,
      freed: removed.bytes,
    })),
  ];
}

async function lastEnded(
  { tasks }: Catalog,
  kind: Task['kind'],
  counts: (task: Task) => boolean,
): Promise<Ended | undefined> {
  const { items } = await tasks.list({ kind, limit: LOOKED_AT });
  return items.find(
    (task): task is Ended =>
      TASK_ENDED.includes(task.state) &&
      task.endedAt !== undefined &&
      task.result !== undefined &&
      counts(task),
  );
}
