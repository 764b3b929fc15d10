import { type Task, updateTask } from '@gantry/catalog';
import type { Messages } from '@gantry/messages';
import type { Digest } from '@gantry/oci';
import { createTask, type Flow, type SyncItem } from '@gantry/pipeline';
import { z } from 'zod';
import type { SourceTag } from './take-events.ts';

/** Asks for syncs of named tags. What is asked for at the same moment, or while a task still waits, is one task a source. */
export interface TagSyncs {
  /** @returns the task that will look at the tags, once that is durable */
  ask(source: string, tags: readonly SourceTag[]): Promise<string>;
}

/** A task with more is followed by another. */
const TAGS_A_TASK = 10_000;

const Waiting = z.object({
  source: z.string(),
  cause: z.literal('notification'),
  items: z.array(
    z.object({
      sourceRepository: z.string(),
      tags: z.array(z.string()),
      announced: z
        .array(z.object({ tag: z.string(), digest: z.custom<Digest>().exactOptional() }))
        .default([]),
    }),
  ),
});

export function createTagSyncs(flow: Flow, messages: Messages): TagSyncs {
  const writing = new Map<string, Promise<string>>();
  const gathering = new Map<string, { tags: SourceTag[]; task: Promise<string> }>();

  const begin = (source: string) => {
    const tags: SourceTag[] = [];
    const write = () => {
      gathering.delete(source); // from here on others gather
      return addToTask(flow, messages, source, tags);
    };
    const before = writing.get(source) ?? Promise.resolve();
    const task = before.then(write, write);
    const settled = task.finally(() => {
      if (writing.get(source) === task) writing.delete(source);
    });
    settled.catch(() => undefined); // whoever asked is told
    writing.set(source, task);
    return { tags, task };
  };
  return {
    ask(source, tags) {
      const { tags: gathered, task } = gathering.getOrInsertComputed(source, begin);
      gathered.push(...tags);
      return task;
    },
  };
}

/** Adds tags to the task that waits, or makes one. A task that a worker takes at this moment is left to it. */
async function addToTask(
  flow: Flow,
  messages: Messages,
  source: string,
  tags: readonly SourceTag[],
): Promise<string> {
  for (const waiting of await flow.catalog.tasks.inStates(['queued'])) {
    if (itemsOf(waiting, source) === undefined) continue;
    let isAdded = false;
    await updateTask(flow.catalog, waiting.id, (task) => {
      const items = task.state === 'queued' ? itemsOf(task, source) : undefined;
      const all = items === undefined ? [] : withTags(items, tags);
      isAdded = items !== undefined && countTags(all) <= TAGS_A_TASK;
      return isAdded ? { ...task, parameters: { ...task.parameters, items: all } } : undefined;
    });
    if (isAdded) return waiting.id;
  }
  const items = withTags([], tags);
  const { id } = await createTask(flow, messages, 'sync', { source, items, cause: 'notification' });
  return id;
}

/** The tags of a task of ours; undefined when it is another's. */
function itemsOf({ kind, parameters }: Task, source: string): readonly SyncItem[] | undefined {
  const { data } = Waiting.safeParse(parameters);
  return kind === 'sync' && data?.source === source ? data.items : undefined;
}

/** Of a tag that is told of twice the latter counts. */
function withTags(items: readonly SyncItem[], tags: readonly SourceTag[]): SyncItem[] {
  const byRepository = new Map(
    items.map(({ sourceRepository, tags: known, announced = [] }) => [
      sourceRepository,
      // A task of a former version has its tags alone.
      new Map([...known.map((tag) => ({ tag })), ...announced].map((one) => [one.tag, one])),
    ]),
  );
  for (const { sourceRepository, tag, digest } of tags)
    byRepository
      .getOrInsertComputed(sourceRepository, () => new Map())
      .set(tag, { tag, ...(digest !== undefined && { digest }) });
  return [...byRepository].map(([sourceRepository, of]) => ({
    sourceRepository,
    tags: [...of.keys()],
    announced: [...of.values()],
  }));
}

function countTags(items: readonly SyncItem[]): number {
  return items.reduce((count, { tags }) => count + tags.length, 0);
}
