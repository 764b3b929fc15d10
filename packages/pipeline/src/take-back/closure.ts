import type { Catalog } from '@gantry/catalog';
import { type Digest, forEachConcurrently } from '@gantry/oci';
import { allPages } from './all-pages.ts';

const LOOKS_AT_ONCE = 16;

/**
 * The manifests that can not be whole without a digest: those that name it, as a child, a blob or their subject, and those
 * that name these. The digest itself is among them if it is a manifest.
 * @returns level by level, the nearest first: if they are removed from the last level on, whatever is left can be found
 * again
 */
export async function findClosure(catalog: Catalog, digest: Digest): Promise<readonly (readonly Digest[])[]> {
  const { manifests } = catalog;
  const known = new Set<Digest>();
  const levels: Digest[][] = [];
  if ((await manifests.get(digest)) !== undefined) {
    known.add(digest);
    levels.push([digest]);
  }
  for (let level: readonly Digest[] = [digest]; level.length > 0;) {
    const next = new Set<Digest>();
    await forEachConcurrently(level, LOOKS_AT_ONCE, async (named) => {
      for await (const one of allPages((page) => manifests.naming(named, page)))
        if (!known.has(one.digest)) next.add(one.digest);
    });
    for (const one of next) known.add(one);
    level = [...next];
    if (level.length > 0) levels.push([...level]);
  }
  return levels;
}
