import { type Digest, isDigest, MANIFEST_KINDS } from '@gantry/oci';
import { blobPath, indexPath, manifestPath } from './paths.ts';
import { readDigest, readDocument, readMap, readObject } from './reading-json.ts';
import { decodeRepositoryFile } from './repository-file.ts';

/** What of a repository's document stands in a part. */
export type PartKind = 'tags' | 'manifests' | 'blobs' | 'referrers';

/** What one document of a repository names, each document taken for itself. */
export interface NamedObjects {
  /** Paths of the pool, without those of `parts`. */
  readonly paths: readonly string[];
  /** Parts that name more. */
  readonly parts: readonly { readonly kind: PartKind; readonly digest: Digest }[];
  /** Since when the first of its manifests has not been reached by a tag, RFC 3339; absent: tags reach all. */
  readonly untagged?: string;
}

/** What a repository's document names, without that which its parts do. @throws Fault TREE_INVALID */
export function namedByRepository(
  bytes: Uint8Array,
  where: string,
): NamedObjects & { readonly name: string; readonly channel: string } {
  const { name, channel, tags, tagNames, manifests, blobs, referrers } = decodeRepositoryFile(bytes, where);
  const paths: string[] = [];
  const parts: { kind: PartKind; digest: Digest }[] = [];
  let untagged: string | undefined;
  for (const [kind, map] of Object.entries({ tags, manifests, blobs, referrers })) {
    for (const digest of map.parts?.values() ?? []) parts.push({ kind: kind as PartKind, digest });
  }
  if (tagNames !== undefined) paths.push(indexPath(tagNames));
  for (const [digest, entry] of manifests.entries ?? []) {
    paths.push(manifestPath(entry.kind, digest));
    untagged = earlier(untagged, entry.untagged);
  }
  for (const digest of blobs.entries?.keys() ?? []) paths.push(blobPath(digest));
  for (const digest of referrers.entries?.values() ?? []) paths.push(indexPath(digest));
  return { name, channel, paths, parts, ...(untagged === undefined ? {} : { untagged }) };
}

/** What a part of a repository's document names. @throws Fault TREE_INVALID */
export function namedByPart(kind: PartKind, bytes: Uint8Array, where: string): NamedObjects {
  if (kind === 'tags') return { paths: [], parts: [] };
  const { entries } = readDocument(bytes, where);
  const paths: string[] = [];
  let untagged: string | undefined;
  readMap(entries, where, 'entries', isDigest, (value, digest) => {
    if (kind === 'blobs') return paths.push(blobPath(digest as Digest));
    if (kind === 'referrers') {
      const list = readDigest(value);
      return list && paths.push(indexPath(list));
    }
    const entry = readObject(value, where, 'a manifest');
    const known = MANIFEST_KINDS.find((one) => one === entry['kind']);
    if (typeof entry['untagged'] === 'string') untagged = earlier(untagged, entry['untagged']);
    return known && paths.push(manifestPath(known, digest as Digest));
  });
  return { paths, parts: [], ...(untagged === undefined ? {} : { untagged }) };
}

function earlier(one: string | undefined, other: string | undefined): string | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return one < other ? one : other;
}
