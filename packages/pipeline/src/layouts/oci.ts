import { type Digest, MANIFEST_MEDIA_TYPES, splitDigest } from '@gantry/oci';
import {
  blobPath,
  type CanonicalValue,
  canonicalBytes,
  decodeReferrers,
  manifestPath,
  type Referrer,
  type RepositoryDocument,
} from '@gantry/tree';
import type { Layout, ObjectReader } from './layout.ts';
import { clashes, repositoryBefore } from './names.ts';
import { manifestPhases, tagsOf } from './repository-content.ts';

const RESERVED = ['blobs', 'index.json', 'oci-layout'];

/** image-spec, image-layout.md, "oci-layout file". */
export const OCI_LAYOUT_FILE = canonicalBytes({ imageLayoutVersion: '1.0.0' });
const REF_NAME = 'org.opencontainers.image.ref.name';

/** An OCI image layout a repository (image-spec, image-layout.md): its tags are the names in `index.json`. */
export function oci(): Layout {
  return {
    async files(repository, objects) {
      const { name } = repository;
      const at = (digest: Digest) => `${name}/${layoutBlobPath(digest)}`;
      const index = await indexOf(repository, objects);
      return [
        [...repository.blobs].map(([digest, { size }]) => ({
          path: at(digest),
          content: { pool: blobPath(digest), digest, size },
        })),
        ...manifestPhases(repository).map((phase) =>
          phase.map(({ digest, kind, size }) => ({
            path: at(digest),
            content: { pool: manifestPath(kind, digest), digest, size },
          })),
        ),
        [{ path: `${name}/oci-layout`, content: { bytes: OCI_LAYOUT_FILE } }],
        [{ path: `${name}/index.json`, content: { bytes: index } }],
      ];
    },
    places: (name) => [`${name}/blobs`, `${name}/oci-layout`, `${name}/index.json`],
    repositoryOf: (path) => repositoryBefore(path, RESERVED),
    hasRoomFor: (name) => !clashes(name, RESERVED),
  };
}

/** `blobs/sha256/<hex>`, of manifests too. */
export function layoutBlobPath(digest: Digest): string {
  const { algorithm, hex } = splitDigest(digest);
  return `blobs/${algorithm}/${hex}`;
}

/** What stands in `index.json`: a manifest under a name, or one that refers to another. */
export interface IndexEntry extends Omit<Referrer, 'annotations'> {
  /** Absent: it has no name of its own. */
  readonly refName?: string;
}

/** The bytes of `index.json`, the entries in the order given. */
export function encodeLayoutIndex(entries: readonly IndexEntry[]): Uint8Array {
  return canonicalBytes({
    schemaVersion: 2,
    mediaType: MANIFEST_MEDIA_TYPES['oci-index'],
    manifests: entries.map(({ mediaType, digest, size, artifactType, refName }): CanonicalValue => ({
      mediaType,
      digest,
      size,
      ...(artifactType !== undefined && { artifactType }),
      ...(refName !== undefined && { annotations: { [REF_NAME]: refName } }),
    })),
  });
}

/** Tags by their names, and then what refers to a manifest, which no tag leads to. */
async function indexOf(repository: RepositoryDocument, objects: ObjectReader): Promise<Uint8Array> {
  const tagged = tagsOf(repository).map(({ tag, kind, digest, size }): IndexEntry => {
    return { mediaType: MANIFEST_MEDIA_TYPES[kind], digest, size, refName: tag };
  });
  const seen = new Set(tagged.map(({ digest }) => digest));
  const referring: IndexEntry[] = [];
  for (const document of repository.referrers.values()) {
    for (const { mediaType, digest, size, artifactType } of decodeReferrers(
      await objects.document(document),
    )) {
      if (seen.has(digest) || !repository.manifests.has(digest)) continue;
      seen.add(digest);
      referring.push({ mediaType, digest, size, artifactType });
    }
  }
  return encodeLayoutIndex([...tagged, ...referring.toSorted((a, b) => (a.digest < b.digest ? -1 : 1))]);
}
