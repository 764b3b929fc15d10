import type { Flow } from '@gantry/pipeline';
import { Lanes } from './lanes.ts';
import type { SyncRunner } from './run-sync.ts';
import { syncOf } from './sync-parameters.ts';

/** How many syncs of what a source lists one process runs side by side; each is parallel in itself. */
const LISTED_AT_ONCE = 4;
/** The same of syncs of tags that are named, which are short and should not wait for the long ones. */
const NAMED_AT_ONCE = 8;

/** The sync tasks of one process. */
export interface SyncWorker {
  /** Runs a task when its turn comes. A task that waits or runs here already is not taken twice. */
  run(task: string): Promise<void>;
  /** Resolves once nothing waits or runs any more. */
  idle(): Promise<void>;
}

/** Syncs of one source go one after the other, those of named tags and the others each in their order. */
export function createSyncWorker(flow: Flow, runSync: SyncRunner, stop: AbortSignal): SyncWorker {
  const listed = new Lanes(LISTED_AT_ONCE);
  const named = new Lanes(NAMED_AT_ONCE);
  const here = new Map<string, Promise<void>>();
  const run = async (id: string): Promise<void> => {
    const task = await flow.catalog.tasks.get(id);
    const sync = task === undefined ? undefined : syncOf(task);
    const lanes = sync?.items === undefined ? listed : named;
    await lanes.run(sync?.source ?? '', async () => {
      if (!stop.aborted) await runSync(id, stop);
    });
  };
  return {
    run: (id) => here.getOrInsertComputed(id, () => run(id).finally(() => here.delete(id))),
    async idle() {
      await Promise.allSettled(here.values());
    },
  };
}
