import type { BlobStore } from '@gantry/store';
import {
  asFault,
  type Digest,
  Fault,
  GRAPH_MAX_MANIFESTS,
  isDigest,
  isForeign,
  type Manifest,
} from '@gantry/oci';
import type { Flow } from '../context.ts';
import { storeReader } from '../sync/describe-image.ts';

/**
 * Says of a manifest without a record what it is that is gone: a blob, for the most part, that a scrub has moved aside,
 * since no manifest has a record that is not whole.
 * @returns the fault itself, where the store does not tell
 */
export async function explainLost({ store }: Pick<Flow, 'store'>, error: unknown): Promise<Fault> {
  const fault = asFault(error);
  const { digest } = fault.details;
  if (fault.code !== 'MANIFEST_BLOB_UNKNOWN' || typeof digest !== 'string' || !isDigest(digest)) return fault;
  const missing = await findMissing(store, digest).catch(() => undefined);
  if (missing === undefined || missing === digest) return fault;
  return new Fault(
    'MANIFEST_BLOB_UNKNOWN',
    `${missing}, which the manifest ${digest} needs, is not in the store: if it was damaged, a scrub has moved it aside and fetches it again; else sync its repository again`,
    { digest: missing, manifest: digest },
    { cause: fault },
  );
}

/** The first that the store lacks of a manifest and all below it: a blob before a manifest, as not all of an index need be here. */
async function findMissing(store: BlobStore, root: Digest): Promise<Digest | undefined> {
  const reader = storeReader(store);
  const known = new Set<Digest>([root]);
  let absent: Digest | undefined;
  for (const digest of known) {
    if (known.size > GRAPH_MAX_MANIFESTS) return undefined;
    if ((await store.stat(digest)) === undefined) {
      absent ??= digest;
      continue;
    }
    const manifest: Manifest = await reader.manifest(digest);
    for (const blob of manifest.blobs)
      if (!isForeign(blob) && (await store.stat(blob.digest)) === undefined) return blob.digest;
    for (const child of manifest.manifests) known.add(child.digest);
  }
  return absent;
}
