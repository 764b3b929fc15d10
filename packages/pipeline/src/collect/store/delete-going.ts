import type { Catalog } from '@gantry/catalog';
import { type Digest, forEachConcurrently } from '@gantry/oci';
import type { BlobRemoval } from '@gantry/store';
import type { Flow } from '../../context.ts';
import type { HeldLease } from '../../hold-lease.ts';
import { allPages } from '../../take-back/all-pages.ts';

const AT_ONCE = 16;

/**
 * Deletes blobs that are going. Records go first, the farthest first, as their presence is the proof that all below them is
 * there; then the bytes; and only then the note that they are going. So whoever goes on after a crash finds all of it.
 * @throws Fault LEASE_LOST
 */
export async function deleteGoing(
  { catalog }: Pick<Flow, 'catalog'>,
  removal: BlobRemoval,
  lease: HeldLease,
  going: readonly Digest[],
): Promise<void> {
  if (going.length === 0) return;
  const levels = await manifestsOver(catalog, going);
  for (const level of levels.toReversed()) {
    await lease.confirm();
    await catalog.manifests.remove(level, lease);
  }
  await forEachConcurrently(going, AT_ONCE, (digest) => removal.remove(digest));
  await lease.confirm(); // what has come anew since, and is going again, is for another to forget
  await catalog.garbage.forget(going);
}

/** The digests themselves, the manifests that are not whole without them, those that are not whole without these, and so on. */
export async function manifestsOver(
  { manifests }: Pick<Catalog, 'manifests'>,
  digests: readonly Digest[],
): Promise<readonly (readonly Digest[])[]> {
  const known = new Set<Digest>(digests);
  const levels: Digest[][] = [];
  for (let level = [...known]; level.length > 0;) {
    levels.push(level);
    const next = new Set<Digest>();
    await forEachConcurrently(level, AT_ONCE, async (named) => {
      for await (const { digest, as } of allPages((page) => manifests.naming(named, page)))
        if (as !== 'subject' && !known.has(digest)) next.add(digest); // one is whole without its subject
    });
    for (const digest of next) known.add(digest);
    level = [...next];
  }
  return levels;
}
