import type { Catalog, ManifestRecord } from '@gantry/catalog';
import {
  type Digest,
  digestOf,
  forEachConcurrently,
  isForeign,
  MANIFEST_MAX_BYTES,
  MANIFEST_MEDIA_TYPES,
  type ManifestKind,
  parseManifest,
  splitDigest,
} from '@gantry/oci';
import { manifestPath, type RepositoryDocument, type TreeSource } from '@gantry/tree';
import type { RecordReader } from '../content-graph.ts';
import { toRecord } from '../sync/manifest-record.ts';

const READS_AT_ONCE = 8;

/**
 * Records of manifests: of one that stands in a repository's document, and is not whole in the store any more, as where a
 * scrub has found damage, what the tree's own bytes say. So what is published stays so, and holds up nothing else.
 * @param former the document; absent: the repository is new
 */
export function standingRecords(
  manifests: Pick<Catalog['manifests'], 'getAll'>,
  source: TreeSource,
  former: RepositoryDocument | undefined,
): RecordReader {
  return {
    async getAll(digests) {
      const records = await manifests.getAll(digests);
      if (former === undefined || records.size === digests.length) return records;
      const lost = new Set(digests.filter((digest) => !records.has(digest)));
      await forEachConcurrently(lost, READS_AT_ONCE, async (digest) => {
        const kind = former.manifests.get(digest)?.kind;
        const record = kind && (await readRecord(source, former, digest, kind));
        if (record !== undefined) records.set(digest, record);
      });
      return records;
    },
  };
}

/** @returns undefined when the tree has not got the manifest's own bytes */
async function readRecord(
  source: TreeSource,
  { manifests, blobs }: RepositoryDocument,
  digest: Digest,
  kind: ManifestKind,
): Promise<ManifestRecord | undefined> {
  const bytes = await source.read(manifestPath(kind, digest), MANIFEST_MAX_BYTES);
  if (bytes === undefined || digestOf(bytes, splitDigest(digest).algorithm) !== digest) return undefined;
  const manifest = parseManifest(bytes, MANIFEST_MEDIA_TYPES[kind], digest);
  const children = manifest.manifests.map((child) => child.digest);
  const withForeign = manifest.blobs.every((blob) => !isForeign(blob) || blobs.has(blob.digest));
  return toRecord(
    manifest,
    new Set(children.filter((child) => manifests.has(child))),
    new Set(children.filter((child) => !manifests.has(child))),
    withForeign,
  );
}
