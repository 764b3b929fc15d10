import { setTimeout as pause } from 'node:timers/promises';
import type { Catalog } from '@gantry/catalog';
import type { Digest } from '@gantry/oci';
import type { Flow } from '../../context.ts';
import { withLease } from '../../hold-lease.ts';
import { deleteGoing } from './delete-going.ts';

/** The lease of whoever deletes from the store. */
export const COLLECTION_LEASE = 'collection';
const LOOK_EVERY_MS = 250;

/** Takes what is condemned back, for whoever relies on what is there already. */
export interface BringBack {
  /** Blobs and manifests by themselves. What is going is waited for: then it is absent, and can be written anew. */
  content(digests: readonly Digest[]): Promise<void>;
  /**
   * Manifests with all that is below them.
   * @returns false when some of it is gone, or was going and is waited for: then it is to be fetched anew
   */
  graphs(roots: readonly Digest[]): Promise<boolean>;
}

export function createBringBack(flow: Flow, signal: AbortSignal): BringBack {
  return {
    async content(digests) {
      const late = await spare(flow.catalog, digests);
      if (late.length > 0) await untilGone(flow, late, signal);
    },
    async graphs(roots) {
      const late = await spareGraphs(flow.catalog, roots);
      if (late.size > 0) await untilGone(flow, [...late], signal);
      const records = await flow.catalog.manifests.getAll(roots);
      return late.size === 0 && roots.every((root) => records.has(root));
    },
  };
}

/** Takes back what is condemned of some digests. @returns those that are going: it was too late for them */
async function spare({ garbage }: Catalog, digests: readonly Digest[]): Promise<Digest[]> {
  const noted = await garbage.getAll(digests);
  return noted.size === 0 ? [] : garbage.spare([...noted.keys()]);
}

/** As `spare`, of manifests with all that is below them, as far as it is known. */
export async function spareGraphs(catalog: Catalog, roots: readonly Digest[]): Promise<Set<Digest>> {
  const seen = new Set<Digest>(roots);
  const late = new Set<Digest>();
  for (let level = [...seen]; level.length > 0;) {
    const records = await catalog.manifests.getAll(level);
    const blobs = new Set<Digest>(level);
    const children = new Set<Digest>();
    for (const record of records.values()) {
      for (const blob of record.blobs) if (blob.foreign !== true) blobs.add(blob.digest);
      for (const child of record.manifests) if (!seen.has(child)) children.add(child);
    }
    for (const digest of await spare(catalog, [...blobs])) late.add(digest);
    for (const child of children) seen.add(child);
    level = [...children];
  }
  return late;
}

/** Waits until what is going is gone. When whoever was at it is no more, it is deleted here. */
async function untilGone(flow: Flow, digests: readonly Digest[], signal: AbortSignal): Promise<void> {
  const goingStill = async () => {
    const noted = await flow.catalog.garbage.getAll(digests);
    return digests.filter((digest) => noted.get(digest)?.state === 'going');
  };
  while ((await goingStill()).length > 0) {
    signal.throwIfAborted();
    const ended = await withLease(flow, COLLECTION_LEASE, async (lease) => {
      await using removal = await flow.store.startRemoval(COLLECTION_LEASE, () => lease.confirm());
      // Asked once more: until the lease was there, another may have deleted them, and a third written them anew.
      await deleteGoing(flow, removal, lease, await goingStill());
    });
    if (ended === undefined) await pause(LOOK_EVERY_MS, undefined, { signal });
  }
}
