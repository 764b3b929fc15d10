import { type Digest, forEachConcurrently } from '@gantry/oci';
import type { BlobEntry, ManifestEntry, RepositoryDocument } from './documents.ts';
import { invalidDocument, readDigest, readDocument, readJson } from './reading-json.ts';
import {
  BLOBS,
  decodePart,
  type MapFormat,
  type MapOrParts,
  MANIFESTS,
  readMember,
  REFERRERS,
  TAGS,
} from './repository-maps.ts';

/** A repository document as it lies there: of each map the entries, or the digests of its parts. */
export interface RepositoryFile {
  readonly name: string;
  readonly channel: string;
  readonly tags: MapOrParts<string, Digest>;
  /** Beside split tags: the digest of the sorted JSON array of their names. */
  readonly tagNames?: Digest;
  readonly manifests: MapOrParts<Digest, ManifestEntry>;
  readonly blobs: MapOrParts<Digest, BlobEntry>;
  readonly referrers: MapOrParts<Digest, Digest>;
}

/** @throws Fault TREE_INVALID */
export function decodeRepositoryFile(bytes: Uint8Array, where = 'the repository document'): RepositoryFile {
  const document = readDocument(bytes, where);
  const { name, channel } = document;
  if (typeof name !== 'string' || typeof channel !== 'string') {
    throw invalidDocument(where, '"name" and "channel" are not both there as strings');
  }
  const tags = readMember(document, where, TAGS);
  const tagNames = readDigest(document['tagNames']);
  if (tags.parts !== undefined && tagNames === undefined) {
    throw invalidDocument(where, 'its tags are split, and "tagNames" is no digest');
  }
  return {
    name,
    channel,
    tags,
    ...(tagNames === undefined ? {} : { tagNames }),
    manifests: readMember(document, where, MANIFESTS),
    blobs: readMember(document, where, BLOBS),
    referrers: readMember(document, where, REFERRERS),
  };
}

/** The digests of all that a repository document names in `pool/index` as its parts: split maps and names of tags. */
export function partsOf(file: RepositoryFile): Digest[] {
  const maps = [file.tags, file.manifests, file.blobs, file.referrers];
  const digests = maps.flatMap((map) => (map.parts === undefined ? [] : [...map.parts.values()]));
  return file.tagNames === undefined ? digests : [...digests, file.tagNames];
}

/** Gives the verified bytes of a document of `pool/index`. */
export type LoadDocument = (digest: Digest) => Promise<Uint8Array>;

/**
 * The whole repository, its parts put together; tags in the order of their names.
 * @throws Fault TREE_INVALID, and whatever `load` throws
 */
export async function assembleRepository(
  file: RepositoryFile,
  load: LoadDocument,
  where = 'the repository document',
): Promise<RepositoryDocument> {
  const [tags, manifests, blobs, referrers] = await Promise.all([
    file.tags.entries ?? orderedTags(file, load, where),
    file.manifests.entries ?? joinParts(file.manifests.parts, MANIFESTS, load),
    file.blobs.entries ?? joinParts(file.blobs.parts, BLOBS, load),
    file.referrers.entries ?? joinParts(file.referrers.parts, REFERRERS, load),
  ]);
  return { name: file.name, channel: file.channel, tags, manifests, blobs, referrers };
}

/** All entries of a split map, in no order. @throws Fault TREE_INVALID, and whatever `load` throws */
export async function joinParts<K extends string, V>(
  parts: ReadonlyMap<string, Digest>,
  format: MapFormat<K, V>,
  load: LoadDocument,
): Promise<Map<K, V>> {
  const joined = new Map<K, V>();
  await forEachConcurrently(parts, 16, async ([shard, digest]) => {
    for (const [key, value] of decodePart(await load(digest), format, shard, digest)) joined.set(key, value);
  });
  return joined;
}

/** The names of split tags, sorted. @throws Fault TREE_INVALID */
export function decodeTagNames(bytes: Uint8Array, digest: Digest): string[] {
  const names = readJson(bytes, `the names of tags ${digest}`);
  return Array.isArray(names) ? names.map(String) : [];
}

/** Split tags, in the order of `tagNames`. */
async function orderedTags(
  file: RepositoryFile,
  load: LoadDocument,
  where: string,
): Promise<Map<string, Digest>> {
  if (file.tags.parts === undefined || file.tagNames === undefined) return new Map();
  const [joined, bytes] = await Promise.all([joinParts(file.tags.parts, TAGS, load), load(file.tagNames)]);
  const ordered = new Map<string, Digest>();
  for (const name of decodeTagNames(bytes, file.tagNames)) {
    const digest = joined.get(name);
    if (digest !== undefined) ordered.set(name, digest);
  }
  if (ordered.size !== joined.size)
    throw invalidDocument(where, 'its "tagNames" and "tagParts" do not agree');
  return ordered;
}
