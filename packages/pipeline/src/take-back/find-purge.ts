import type { Catalog, Companions, ManifestRecord, Purge } from '@gantry/catalog';
import {
  type Digest,
  Fault,
  forEachConcurrently,
  isForeign,
  MANIFEST_MAX_BYTES,
  parseManifest,
} from '@gantry/oci';
import type { BlobStore } from '@gantry/store';

const READS_AT_ONCE = 16;

/** Where content is known and kept. */
export interface Kept {
  readonly catalog: Catalog;
  /** Absent: records alone are looked at. */
  readonly store?: BlobStore;
}

/**
 * Of some manifests those that are kept out, each with the purge that keeps it out: of itself, or of anything below it. What
 * was purged has no records any more; then it is read from the bytes, as far as they are here. As long as nothing was ever
 * purged, that is all that is asked.
 */
export async function findPurges(kept: Kept, roots: Iterable<Digest>): Promise<ReadonlyMap<Digest, Purge>> {
  const found = new Map<Digest, Purge>();
  const all = [...new Set(roots)];
  if (all.length === 0 || !(await kept.catalog.purges.some())) return found;
  if ((await findPurge(kept, all)) === undefined) return found;
  await forEachConcurrently(all, READS_AT_ONCE, async (root) => {
    const purge = await findPurge(kept, [root]);
    if (purge !== undefined) found.set(root, purge);
  });
  return found;
}

/** Why something is kept out, and since when. @param name of what is kept out */
export function purgedFault(purge: Purge, name: string): Fault {
  const { digest, reason, by, at } = purge;
  const what = name === digest ? `${digest} was purged` : `${name} holds ${digest}, which was purged`;
  return new Fault('PURGED', `${what} by ${by} on ${at.slice(0, 10)} and is kept out: ${reason}`, {
    digest,
    purgedAt: at,
  });
}

/** The purge of one of the manifests or of anything below them, a level at a time. */
async function findPurge({ catalog, store }: Kept, roots: readonly Digest[]): Promise<Purge | undefined> {
  const seen = new Set<Digest>(roots);
  for (let level = [...seen]; level.length > 0;) {
    const records = await catalog.manifests.getAll(level);
    const below: Below[] = [...records.values()];
    const unknown = store === undefined ? [] : level.filter((one) => !records.has(one));
    await forEachConcurrently(unknown, READS_AT_ONCE, async (one) => {
      const read = await readBelow(store as BlobStore, one);
      if (read !== undefined) below.push(read);
    });
    const blobs = below.flatMap((one) => one.blobs.map(({ digest }) => digest));
    const [purged] = await catalog.purges.getAll([...level, ...blobs]);
    if (purged !== undefined) return catalog.purges.get(purged);
    const children = new Set(below.flatMap((one) => one.manifests));
    level = [...children].filter((child) => !seen.has(child));
    for (const child of level) seen.add(child);
  }
  return undefined;
}

/** What is below a manifest. */
interface Below extends Pick<ManifestRecord, 'manifests'> {
  readonly blobs: readonly { readonly digest: Digest }[];
}

/** undefined where the bytes are not here, or are no manifest. */
async function readBelow(store: BlobStore, digest: Digest): Promise<Below | undefined> {
  try {
    const known = await store.stat(digest);
    if (known === undefined || known.size > MANIFEST_MAX_BYTES) return undefined;
    const manifest = parseManifest(await store.read(digest, MANIFEST_MAX_BYTES), undefined, digest);
    return {
      manifests: manifest.manifests.map((child) => child.digest),
      blobs: manifest.blobs.filter((blob) => !isForeign(blob)),
    };
  } catch (error) {
    if (error instanceof Fault && NO_MANIFEST.has(error.code)) return undefined;
    throw error;
  }
}

const NO_MANIFEST = new Set<Fault['code']>(['BLOB_UNKNOWN', 'MANIFEST_INVALID', 'SIZE_INVALID']);

/** What an image is, as far as purges go. */
interface Imaged extends Companions {
  readonly digest: Digest | null;
}

/**
 * Looks at images to be promoted: one that is kept out has a fault; another goes on without those signatures and the like
 * that are kept out. Both are told by the image as it was given; one that is absent stays as it is.
 */
export async function judgePurged<T extends Imaged>(
  kept: Kept,
  images: readonly T[],
): Promise<{ readonly faults: ReadonlyMap<T, Fault>; readonly others: ReadonlyMap<T, T> }> {
  const faults = new Map<T, Fault>();
  const others = new Map<T, T>();
  const roots = images.flatMap(({ digest, companions, referrers }) => [
    ...(digest === null ? [] : [digest]),
    ...companions.map((companion) => companion.digest),
    ...referrers,
  ]);
  const purges = await findPurges(kept, roots);
  if (purges.size === 0) return { faults, others };
  for (const image of images) {
    const { digest } = image;
    const purge = digest === null ? undefined : purges.get(digest);
    const companions = image.companions.filter((one) => !purges.has(one.digest));
    const referrers = image.referrers.filter((one) => !purges.has(one));
    if (digest !== null && purge !== undefined) faults.set(image, purgedFault(purge, digest));
    else if (companions.length < image.companions.length || referrers.length < image.referrers.length)
      others.set(image, { ...image, companions, referrers });
  }
  return { faults, others };
}
