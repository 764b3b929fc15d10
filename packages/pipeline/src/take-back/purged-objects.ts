import { Fault } from '@gantry/oci';
import type { HeldLease } from '../hold-lease.ts';
import type { PoolContent } from '../publish/compose-repository.ts';
import type { PublishContext } from '../publish/published-tree.ts';
import { poolPathsOf, type PurgedContent } from './purged-content.ts';

/** The paths of what is purged that are in the pool now. */
export async function pathsInPool(
  { flow, tree }: PublishContext,
  { digest }: PurgedContent,
): Promise<string[]> {
  return [...(await flow.catalog.pool.getAll(tree.name, poolPathsOf(digest))).keys()];
}

/**
 * Removes the objects of what is purged, which the current pool lacks: at once, whatever a retained snapshot or a pull in
 * flight would still have of them. Also what lies there though no list has it.
 * @throws Fault LEASE_LOST
 */
export async function removeObjects(
  { flow, tree }: PublishContext,
  lease: Pick<HeldLease, 'confirm'>,
  { digest }: PurgedContent,
): Promise<void> {
  await lease.confirm();
  for (const path of poolPathsOf(digest)) {
    if ((await tree.target.source.stat(path)) === undefined) continue;
    await tree.target.removeContent(path);
    flow.log.info({ tree: tree.name, path, digest }, 'purge.object_removed');
  }
}

/**
 * To be asked when objects were put: a publisher may have been stopped since it composed what it puts, for as long as a
 * purge takes. What it has put back of that goes again.
 * @throws Fault PURGED; the next publication leaves it out
 */
export async function refusePurged(
  { flow, tree }: PublishContext,
  contents: readonly PoolContent[],
): Promise<void> {
  if (!(await flow.catalog.purges.some())) return;
  const purged = await flow.catalog.purges.getAll(contents.map(({ digest }) => digest));
  const paths = contents.filter(({ digest }) => purged.has(digest)).map(({ path }) => path);
  // What is in the pool still is for the purge's own publication to take out.
  const standing = await flow.catalog.pool.getAll(tree.name, paths);
  const back = paths.filter((path) => !standing.has(path));
  for (const path of back) await tree.target.removeContent(path);
  if (back.length === 0) return;
  throw new Fault('PURGED', `${back[0]} was to be published, and has been purged meanwhile`, {
    path: back[0],
  });
}
