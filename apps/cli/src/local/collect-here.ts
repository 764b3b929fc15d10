import { setTimeout as pause } from 'node:timers/promises';
import { createSyncRunner } from '@gantry/app-sync';
import { type Task, TASK_ENDED } from '@gantry/catalog';
import { type Flow, type Publisher, recordTask, runCollection, runScrub, runTask } from '@gantry/pipeline';
import { type Configuration, SCRUB_BYTES_PER_SECOND } from '@gantry/service';
import { openSources } from '../serve/open-sources.ts';

/** A worker of a service may have it: then it is looked at so often. */
const LOOK_MS = 500;

/** What is gone over. */
interface Collected {
  readonly flow: Flow;
  readonly configuration: Configuration;
  readonly publishers: readonly Publisher[];
}

/** Runs a collection or a scrub to its end, with the syncs that bring what was damaged. */
export async function collectHere(
  { flow, configuration, publishers }: Collected,
  task: Task,
  signal: AbortSignal,
): Promise<void> {
  const { sources, gc } = configuration;
  const trees = publishers.map(({ tree }) => tree);
  const syncs: string[] = [];
  const scrubbing = {
    flow,
    trees,
    onTreeChanged: (name: string) => publishers.find(({ tree }) => tree.name === name)?.filesChanged(),
    bytesPerSecond: gc.scrub?.bytesPerSecond ?? SCRUB_BYTES_PER_SECOND,
    startSync: async (parameters: Task['parameters']) => {
      const { id } = await recordTask(flow, 'sync', parameters);
      syncs.push(id);
      return id;
    },
  };
  const collecting = {
    flow,
    trees,
    graceMs: gc.graceMs,
    sources: sources.map(({ name, keep }) => ({ name, ...(keep !== undefined && { keep }) })),
  };
  for (;;) {
    await runTask(
      flow,
      task.id,
      (given, progress, stop) =>
        given.kind === 'gc'
          ? runCollection(collecting, given, progress, stop)
          : runScrub(scrubbing, given, progress, stop),
      signal,
    );
    const now = await flow.catalog.tasks.get(task.id);
    if (now === undefined || TASK_ENDED.includes(now.state)) return;
    if (syncs.length === 0) await pause(LOOK_MS, undefined, { signal });
    else {
      await using registries = new AsyncDisposableStack();
      const opened = (await openSources(sources, registries)).map(({ source }) => source);
      const run = createSyncRunner({ flow, sources: opened });
      for (const id of syncs.splice(0)) await run(id, signal);
    }
  }
}
