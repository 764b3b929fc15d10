import { setImmediate as turn } from 'node:timers/promises';
import type { Digest } from '@gantry/oci';
import type { TreeView } from '@gantry/tree';

/** So many of the repositories that a mirror carries stand for all of them. */
export const SAMPLED_REPOSITORIES = 64;

export interface CarriedRepository {
  readonly name: string;
  /** Of its document. */
  readonly digest: Digest;
}

/**
 * Some of the repositories that are carried, at random: no more shards are looked into than it takes.
 * @param former those alone whose documents differ from this state's; absent: any
 */
export async function pickRepositories(
  view: TreeView,
  carries: (name: string) => boolean,
  former?: TreeView,
): Promise<readonly CarriedRepository[]> {
  const picked: CarriedRepository[] = [];
  const shards = [...view.shards].filter(([key, digest]) => former?.shards.get(key) !== digest);
  for (const [key] of shuffled(shards)) {
    if (picked.length >= SAMPLED_REPOSITORIES) break;
    const [{ repositories }, before] = await Promise.all([view.shard(key), former?.shard(key)]);
    const carried = [...repositories].filter(
      ([name, digest]) => before?.repositories.get(name) !== digest && carries(name),
    );
    for (const [name, digest] of shuffled(carried).slice(0, SAMPLED_REPOSITORIES - picked.length))
      picked.push({ name, digest });
    await turn(); // what is cached comes at once, and requests wait meanwhile
  }
  return picked;
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, place: Math.random() }))
    .toSorted((one, other) => one.place - other.place)
    .map(({ item }) => item);
}
