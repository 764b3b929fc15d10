import type { BlobReference, Catalog, ManifestRecord } from '@gantry/catalog';
import { type Digest, Fault, GRAPH_MAX_DEPTH, GRAPH_MAX_MANIFESTS } from '@gantry/oci';

/** Everything below some manifests: what must be there for them to be whole. */
export interface ContentGraph {
  readonly manifests: ReadonlyMap<Digest, ManifestRecord>;
  /** Without foreign layers, which are not stored. */
  readonly blobs: ReadonlyMap<Digest, BlobReference>;
}

/** Where records of manifests are read: the catalog, or what stands in for it. */
export type RecordReader = Pick<Catalog['manifests'], 'getAll'>;

/**
 * The graph of manifests that the catalog knows, read a level at a time.
 * @param maxManifests of one image, as it is unless it is said
 * @throws Fault MANIFEST_BLOB_UNKNOWN for a manifest that is not known; MANIFEST_INVALID past the limits of a graph
 */
export async function readContentGraph(
  catalog: { readonly manifests: RecordReader },
  roots: Iterable<Digest>,
  maxManifests = GRAPH_MAX_MANIFESTS,
): Promise<ContentGraph> {
  const manifests = new Map<Digest, ManifestRecord>();
  const blobs = new Map<Digest, BlobReference>();
  let level = [...new Set(roots)];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > GRAPH_MAX_DEPTH) {
      throw new Fault(
        'MANIFEST_INVALID',
        `indexes are nested deeper than ${GRAPH_MAX_DEPTH}, down to ${level[0]}`,
      );
    }
    const records = await catalog.manifests.getAll(level);
    const next = new Set<Digest>();
    for (const digest of level) {
      const record = records.get(digest);
      if (record === undefined) {
        throw new Fault(
          'MANIFEST_BLOB_UNKNOWN',
          `the manifest ${digest} is not here: sync its repository again`,
          { digest },
        );
      }
      manifests.set(digest, record);
      for (const blob of record.blobs) if (blob.foreign !== true) blobs.set(blob.digest, blob);
      for (const child of record.manifests) if (!manifests.has(child)) next.add(child);
    }
    if (manifests.size > maxManifests) {
      throw new Fault('MANIFEST_INVALID', `more than ${maxManifests} distinct manifests belong together`);
    }
    level = [...next].filter((digest) => !manifests.has(digest));
  }
  return { manifests, blobs };
}

/** Bytes of all distinct blobs and manifests. */
export function sizeOf(graph: ContentGraph): number {
  let bytes = 0;
  for (const manifest of graph.manifests.values()) bytes += manifest.size;
  for (const blob of graph.blobs.values()) bytes += blob.size;
  return bytes;
}
