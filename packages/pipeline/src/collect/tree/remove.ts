import type { PoolObject } from '@gantry/catalog';
import type { TreeView } from '@gantry/tree';
import type { TouchedRepository } from '../../publish/apply-promotions.ts';
import { BIT_MS, BIT_PATHS, type CollectionBits } from './bits.ts';
import { type Collection, condemnedBefore, countOf, NOTHING, sum } from './collection.ts';
import type { UntaggedRepository } from './mark.ts';
import type { ObjectCount } from './tree-collection.ts';

/** How many objects leave the pool with one publication, at the most. */
const OBJECTS_A_PUBLICATION = 20_000;
/** How many publications one collection makes: each is a snapshot, and takes the place of an older one. */
const PUBLICATIONS = 5;
const REPOSITORIES_A_PUBLICATION = 1000;
const FILES_AT_ONCE = 100;

/** What has left the tree. */
export interface Removed {
  readonly removed: ObjectCount;
  readonly untagged: number;
}

/**
 * Takes out of the pool, by publications, what has been condemned for its grace and is unreached still; then the files.
 * @param due how much that is
 */
export async function removeDue(collection: Collection, due: ObjectCount): Promise<Removed> {
  const { flow, tree, mark, bits, progress } = collection;
  const before = condemnedBefore(collection);
  const expired = mark.untagged.filter(({ untagged }) => isExpired(collection, untagged));
  if (bits === undefined) {
    const most = due.objects === 0 ? 0 : PUBLICATIONS * OBJECTS_A_PUBLICATION;
    const found = most === 0 ? [] : await flow.catalog.pool.condemned(tree.name, before, most);
    return {
      removed: countOf(found.filter(({ path }) => !mark.reaches(path))),
      untagged: Math.min(expired.length, PUBLICATIONS * REPOSITORIES_A_PUBLICATION),
    };
  }

  let removed = NOTHING;
  let untagged = 0;
  let left = due.objects;
  for (let made = 0; made < PUBLICATIONS && (left > 0 || expired.length > 0); made++) {
    let leaving: readonly PoolObject[] = [];
    await bits.publish(async (view) => {
      leaving = await unreached(collection, before);
      const touched = await toTouch(collection, view, expired.splice(0, REPOSITORIES_A_PUBLICATION));
      untagged += touched.length;
      return { paths: leaving.map(({ path }) => path), touched };
    });
    const gone = await notInPool(collection, leaving);
    removed = sum(removed, countOf(gone));
    left = leaving.length < OBJECTS_A_PUBLICATION ? 0 : left - leaving.length;
    progress('removing', removed.objects);
    await removeFiles(
      collection,
      bits,
      gone.map(({ path }) => path),
    );
  }
  return { removed, untagged };
}

/** What may leave the pool now. What is reached after all is condemned no more. */
async function unreached({ flow, tree, mark }: Collection, before: string): Promise<readonly PoolObject[]> {
  const { pool } = flow.catalog;
  const found = await pool.condemned(tree.name, before, OBJECTS_A_PUBLICATION);
  const reached = found.filter(({ path }) => mark.reaches(path));
  await pool.spare(
    tree.name,
    reached.map(({ path }) => path),
  );
  return found.filter(({ path }) => !mark.reaches(path));
}

async function notInPool(
  { flow, tree }: Collection,
  objects: readonly PoolObject[],
): Promise<readonly PoolObject[]> {
  const still = await flow.catalog.pool.getAll(
    tree.name,
    objects.map(({ path }) => path),
  );
  return objects.filter(({ path }) => !still.has(path));
}

/**
 * Removes files that the pool lacks, and lists, in bits. Before each it is asked again what the pool has: a publication may
 * have taken a file up again.
 */
export async function removeFiles(
  { flow, tree }: Pick<Collection, 'flow' | 'tree'>,
  bits: CollectionBits,
  paths: readonly string[],
): Promise<void> {
  let next = 0;
  while (next < paths.length) {
    await bits.run(async (lease) => {
      const some = paths.slice(next, next + BIT_PATHS);
      const inPool = await flow.catalog.pool.getAll(tree.name, some);
      const began = performance.now();
      for (let at = 0; at < some.length; at += FILES_AT_ONCE) {
        const chunk = some.slice(at, at + FILES_AT_ONCE);
        await tree.target.removeAll(
          chunk.filter((path) => !inPool.has(path)),
          lease,
        );
        next += chunk.length;
        if (performance.now() - began > BIT_MS) return;
      }
    });
  }
}

function isExpired({ tree, now }: Pick<Collection, 'tree' | 'now'>, untagged: string): boolean {
  return now.getTime() - Date.parse(untagged) > tree.keepUntaggedMs;
}

/** The repositories that are as they were marked, in channels that stand in the tree. */
async function toTouch(
  { tree }: Collection,
  view: TreeView,
  repositories: readonly UntaggedRepository[],
): Promise<TouchedRepository[]> {
  const touched: TouchedRepository[] = [];
  for (const { name, channel: channelName, document } of repositories) {
    const channel = tree.channels.find((one) => one.publish && one.name === channelName);
    if (channel === undefined || !name.startsWith(channel.prefix)) continue;
    if ((await view.repositoryDigest(name)) !== document) continue;
    touched.push({ channel, repository: name.slice(channel.prefix.length) });
  }
  return touched;
}
