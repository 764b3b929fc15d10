import type { Digest } from '@gantry/oci';
import type { Flow } from '../../context.ts';
import { withLeaseWaiting } from '../../hold-lease.ts';
import { type PublishedTree, publishLease } from '../../publish/published-tree.ts';
import { poolPathsOf } from '../../take-back/purged-content.ts';
import type { PacedReader } from './paced-digest.ts';

/**
 * Puts a blob that was repaired into the trees that have it damaged: as a new file, as the old one may be shared with others.
 * What a tree has of its own, and right, stays.
 */
export async function mendTrees(
  flow: Flow,
  trees: readonly PublishedTree[],
  digest: Digest,
  reader: PacedReader,
  signal: AbortSignal,
): Promise<void> {
  for (const tree of trees) {
    const { target } = tree;
    const isDamaged = async (path: string) => {
      const stream = await target.source.open(path);
      return stream === undefined || (await reader.digestOf(digest, stream)) !== digest;
    };
    for (const { path, size } of (await flow.catalog.pool.getAll(tree.name, poolPathsOf(digest))).values()) {
      if (!(await isDamaged(path))) continue;
      await withLeaseWaiting(
        flow,
        publishLease(tree),
        async (lease) => {
          await target.begin(() => lease.confirm());
          const inPool = await flow.catalog.pool.getAll(tree.name, [path]);
          if (!inPool.has(path)) return; // it has left the tree meanwhile
          await lease.confirm();
          await target.removeContent(path);
          await target.putContent({ path, digest, size });
          await target.settle();
        },
        signal,
      );
      flow.log.warn({ tree: tree.name, path }, 'scrub.tree_mended');
    }
  }
}
