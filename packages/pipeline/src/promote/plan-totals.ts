import type { PlannedItem, PlannedTag, PlanTotals } from '@gantry/catalog';
import type { Digest } from '@gantry/oci';
import { blobPath, manifestPath } from '@gantry/tree';
import type { Flow } from '../context.ts';
import { isRefused } from './plan-items.ts';

/** Sums up what a plan would do, and what would come into the tree that is not there. @param tree absent: the channel is kept out of it */
export async function planTotals(
  { catalog }: Pick<Flow, 'catalog'>,
  items: readonly PlannedItem[],
  tree: string | undefined,
): Promise<PlanTotals> {
  const counts = { add: 0, move: 0, noop: 0, refuse: 0 } satisfies Record<PlannedTag['action'], number>;
  for (const { tags } of items) for (const { action } of tags) counts[action]++;
  const missing = { objects: 0, bytes: 0 };
  if (tree !== undefined) {
    const sizes = await objectsBelow(catalog, items.filter((item) => !isRefused(item)).flatMap(rootsOf));
    const pool = await catalog.pool.getAll(tree, [...sizes.keys()]);
    for (const [path, size] of sizes) {
      if (pool.has(path)) continue;
      missing.objects++;
      missing.bytes += size;
    }
  }
  return { adds: counts.add, moves: counts.move, noops: counts.noop, refusals: counts.refuse, ...missing };
}

/** All that an item brings into a channel, at its top. */
export function rootsOf({
  digest,
  companions,
  referrers,
}: Pick<PlannedItem, 'digest' | 'companions' | 'referrers'>): Digest[] {
  if (digest === null) return [];
  return [digest, ...companions.map((companion) => companion.digest), ...referrers];
}

/** Each object of the pool that is below some manifests, by its path, with its size. Read a level at a time, each once. */
async function objectsBelow(
  { manifests }: Pick<Flow['catalog'], 'manifests'>,
  roots: readonly Digest[],
): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  const seen = new Set<Digest>(); // manifests and blobs
  let level = new Set(roots);
  while (level.size > 0) {
    for (const digest of level) seen.add(digest);
    const records = await manifests.getAll([...level]);
    level = new Set();
    for (const { kind, digest, size, blobs, manifests: children } of records.values()) {
      sizes.set(manifestPath(kind, digest), size);
      for (const blob of blobs) {
        if (blob.foreign === true || seen.has(blob.digest)) continue;
        seen.add(blob.digest);
        sizes.set(blobPath(blob.digest), blob.size);
      }
      for (const child of children) if (!seen.has(child)) level.add(child);
    }
  }
  return sizes;
}
