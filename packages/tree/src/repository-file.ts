import { type Digest, isDigest, isTag, MANIFEST_KINDS } from '@gantry/oci';
import type { BlobEntry, ManifestEntry, RepositoryDocument } from './documents.ts';
import { forEachParallel } from './parallel.ts';
import { shardOf } from './paths.ts';
import {
  invalidDocument,
  isShardKey,
  type JsonObject,
  readCount,
  readDigest,
  readDocument,
  readJson,
  readMap,
  readObject,
} from './reading-json.ts';

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

export type MapOrParts<K, V> =
  | { readonly entries: ReadonlyMap<K, V>; readonly parts?: undefined }
  | { readonly entries?: undefined; readonly parts: ReadonlyMap<string, Digest> };

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

/**
 * The whole repository, its parts put together; tags in the order of their names.
 * @param load gives the verified bytes of a document of `pool/index`
 * @throws Fault TREE_INVALID, and whatever `load` throws
 */
export async function assembleRepository(
  file: RepositoryFile,
  load: (digest: Digest) => Promise<Uint8Array>,
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

/** How one of a repository's four maps is read, whole or as a part. */
interface MapFormat<K extends string, V> {
  readonly whole: string;
  readonly parts: string;
  readonly isKey: (key: string) => key is K;
  readonly read: (value: unknown) => V | undefined;
}

const TAGS: MapFormat<string, Digest> = {
  whole: 'tags',
  parts: 'tagParts',
  isKey: (key): key is string => isTag(key),
  read: readDigest,
};
const MANIFESTS: MapFormat<Digest, ManifestEntry> = {
  whole: 'manifests',
  parts: 'manifestParts',
  isKey: isDigest,
  read: readManifestEntry,
};
const BLOBS: MapFormat<Digest, BlobEntry> = {
  whole: 'blobs',
  parts: 'blobParts',
  isKey: isDigest,
  read: readBlobEntry,
};
const REFERRERS: MapFormat<Digest, Digest> = {
  whole: 'referrers',
  parts: 'referrerParts',
  isKey: isDigest,
  read: readDigest,
};

function readMember<K extends string, V>(
  document: JsonObject,
  where: string,
  format: MapFormat<K, V>,
): MapOrParts<K, V> {
  const [whole, parts] = [document[format.whole], document[format.parts]];
  if ((whole === undefined) === (parts === undefined)) {
    throw invalidDocument(where, `it has not one of "${format.whole}" and "${format.parts}"`);
  }
  if (parts !== undefined) return { parts: readMap(parts, where, format.parts, isShardKey, readDigest) };
  return { entries: readMap(whole, where, format.whole, format.isKey, format.read) };
}

async function joinParts<K extends string, V>(
  parts: ReadonlyMap<string, Digest>,
  format: MapFormat<K, V>,
  load: (digest: Digest) => Promise<Uint8Array>,
): Promise<Map<K, V>> {
  const joined = new Map<K, V>();
  await forEachParallel(parts, 16, async ([shard, digest]) => {
    const where = `the part ${digest} of "${format.whole}"`;
    const { entries } = readDocument(await load(digest), where);
    for (const [key, value] of readMap(entries, where, 'entries', format.isKey, format.read)) {
      if (shardOf(key) !== shard) throw invalidDocument(where, `"${key}" does not belong into part ${shard}`);
      joined.set(key, value);
    }
  });
  return joined;
}

/** Split tags, in the order of `tagNames`. */
async function orderedTags(
  file: RepositoryFile,
  load: (digest: Digest) => Promise<Uint8Array>,
  where: string,
): Promise<Map<string, Digest>> {
  if (file.tags.parts === undefined || file.tagNames === undefined) return new Map();
  const [joined, bytes] = await Promise.all([joinParts(file.tags.parts, TAGS, load), load(file.tagNames)]);
  const names = readJson(bytes, `the names of tags ${file.tagNames}`);
  const ordered = new Map<string, Digest>();
  for (const name of Array.isArray(names) ? names : []) {
    const digest = joined.get(String(name));
    if (digest !== undefined) ordered.set(String(name), digest);
  }
  if (ordered.size !== joined.size)
    throw invalidDocument(where, 'its "tagNames" and "tagParts" do not agree');
  return ordered;
}

function readManifestEntry(value: unknown): ManifestEntry | undefined {
  const entry = readObject(value, 'a repository document', 'a manifest');
  const kind = MANIFEST_KINDS.find((known) => known === entry['kind']);
  const { untagged } = entry;
  const blob = readBlobEntry(entry);
  if (kind === undefined || blob === undefined) return undefined;
  if (untagged === undefined) return { kind, ...blob };
  return typeof untagged === 'string' ? { kind, ...blob, untagged } : undefined;
}

function readBlobEntry(value: unknown): BlobEntry | undefined {
  const entry = readObject(value, 'a repository document', 'an entry');
  const size = readCount(entry['size']);
  const since = readCount(entry['since'], 1);
  return size === undefined || since === undefined ? undefined : { size, since };
}
