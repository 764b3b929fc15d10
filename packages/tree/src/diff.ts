import type { Digest } from '@gantry/oci';
import type { TreeView } from './tree-reader.ts';

/** A tag that differs: absent in the one (`from` is missing) or in the other (`to` is missing), or another manifest. */
export interface TagDifference {
  readonly repository: string;
  readonly tag: string;
  readonly from?: Digest;
  readonly to?: Digest;
}

/**
 * The tags that differ between two states, shard by shard, then by repository and tag. Equal roots, shards and
 * repositories are not read.
 */
export async function* diffTrees(from: TreeView, to: TreeView): AsyncGenerator<TagDifference> {
  for await (const repository of differingRepositories(from, to))
    yield* await diffRepository(from, to, repository);
}

/** The repositories whose documents differ, in the same order. */
export async function* differingRepositories(from: TreeView, to: TreeView): AsyncGenerator<string> {
  for (const shard of differing(from.shards, to.shards)) {
    const [before, after] = await Promise.all([from.shard(shard), to.shard(shard)]);
    yield* differing(before.repositories, after.repositories);
  }
}

/** The tags of one repository that differ, sorted. */
export async function diffRepository(
  from: TreeView,
  to: TreeView,
  repository: string,
): Promise<TagDifference[]> {
  const [before, after] = await Promise.all([from.repository(repository), to.repository(repository)]);
  const [old, now] = [before?.tags ?? new Map<string, Digest>(), after?.tags ?? new Map<string, Digest>()];
  return differing(old, now).map((tag) => {
    const [fromDigest, toDigest] = [old.get(tag), now.get(tag)];
    return {
      repository,
      tag,
      ...(fromDigest === undefined ? {} : { from: fromDigest }),
      ...(toDigest === undefined ? {} : { to: toDigest }),
    };
  });
}

/** The keys that have not the same digest in both maps, sorted. */
function differing(a: ReadonlyMap<string, Digest>, b: ReadonlyMap<string, Digest>): string[] {
  const changed = [...a.keys()].filter((key) => a.get(key) !== b.get(key));
  const added = [...b.keys()].filter((key) => !a.has(key));
  return [...changed, ...added].toSorted();
}
