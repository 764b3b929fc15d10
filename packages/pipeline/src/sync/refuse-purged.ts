import type { Catalog } from '@gantry/catalog';
import type { Digest } from '@gantry/oci';
import type { BlobStore } from '@gantry/store';
import { purgedFault } from '../take-back/find-purge.ts';

/**
 * Holds a manifest to what was purged.
 * @param digests its own, or those of what it names
 * @throws Fault PURGED, naming the first of them that is kept out
 */
export async function refusePurged(
  { purges }: Pick<Catalog, 'purges'>,
  manifest: Digest,
  digests: readonly Digest[],
): Promise<void> {
  const [purged] = await purges.getAll(digests);
  const purge = purged && (await purges.get(purged));
  if (purge !== undefined) throw purgedFault(purge, manifest);
}

/**
 * As `refusePurged`, once all of it was fetched: what was purged meanwhile is deleted again.
 * @throws Fault PURGED
 */
export async function refusePurgedContent(
  { purges }: Pick<Catalog, 'purges'>,
  store: BlobStore,
  manifest: Digest,
  digests: readonly Digest[],
): Promise<void> {
  const purged = await purges.getAll(digests);
  for (const digest of purged) await store.delete(digest);
  if (purged.size > 0) await refusePurged({ purges }, manifest, [...purged]);
}
