import { type Digest, isDigest, isTag, MANIFEST_KINDS } from '@gantry/oci';
import { type CanonicalValue, canonicalBytes } from './canonical-json.ts';
import { type BlobEntry, type EncodedDocument, type ManifestEntry, TREE_FORMAT } from './documents.ts';
import { encodeDocument } from './encoding.ts';
import { shardOf } from './paths.ts';
import {
  invalidDocument,
  isShardKey,
  type JsonObject,
  readCount,
  readDigest,
  readDocument,
  readMap,
  readObject,
} from './reading-json.ts';

/** A map of a repository document as it lies there: its entries, or the digests of its parts. */
export type MapOrParts<K, V> =
  | { readonly entries: ReadonlyMap<K, V>; readonly parts?: undefined }
  | { readonly entries?: undefined; readonly parts: ReadonlyMap<string, Digest> };

/** How one of a repository's four maps is read and written, whole or as a part. */
export interface MapFormat<K extends string, V> {
  readonly whole: string;
  readonly parts: string;
  readonly isKey: (key: string) => key is K;
  readonly read: (value: unknown) => V | undefined;
  readonly write: (value: V) => CanonicalValue;
}

export const TAGS: MapFormat<string, Digest> = {
  whole: 'tags',
  parts: 'tagParts',
  isKey: (key): key is string => isTag(key),
  read: readDigest,
  write: (digest) => digest,
};
export const MANIFESTS: MapFormat<Digest, ManifestEntry> = {
  whole: 'manifests',
  parts: 'manifestParts',
  isKey: isDigest,
  read: readManifestEntry,
  write: ({ kind, size, since, untagged }) => ({
    kind,
    size,
    since,
    ...(untagged === undefined ? {} : { untagged }),
  }),
};
export const BLOBS: MapFormat<Digest, BlobEntry> = {
  whole: 'blobs',
  parts: 'blobParts',
  isKey: isDigest,
  read: readBlobEntry,
  write: ({ size, since }) => ({ size, since }),
};
export const REFERRERS: MapFormat<Digest, Digest> = {
  whole: 'referrers',
  parts: 'referrerParts',
  isKey: isDigest,
  read: readDigest,
  write: (digest) => digest,
};

/** @throws Fault TREE_INVALID */
export function readMember<K extends string, V>(
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

/** The member of a repository document that a map is, under the name that it has then. */
export function memberOf<K extends string, V>(
  map: MapOrParts<K, V>,
  format: MapFormat<K, V>,
): Record<string, CanonicalValue> {
  if (map.parts !== undefined) return { [format.parts]: map.parts };
  return { [format.whole]: written(map.entries, format) };
}

/** The entries of one part of a split map. @throws Fault TREE_INVALID */
export function decodePart<K extends string, V>(
  bytes: Uint8Array,
  format: MapFormat<K, V>,
  shard: string,
  digest: Digest,
): Map<K, V> {
  const where = `the part ${digest} of "${format.whole}"`;
  const { entries } = readDocument(bytes, where);
  const part = readMap(entries, where, 'entries', format.isKey, format.read);
  for (const key of part.keys()) {
    if (shardOf(key) !== shard) throw invalidDocument(where, `"${key}" does not belong into part ${shard}`);
  }
  return part;
}

/** One part of a split map. */
export function encodePart<K extends string, V>(
  entries: ReadonlyMap<K, V>,
  format: MapFormat<K, V>,
): EncodedDocument {
  return encodeDocument(canonicalBytes({ format: TREE_FORMAT, entries: written(entries, format) }));
}

/**
 * A map as it stands in a document: in parts by the first two hex digits of sha256(key) when it has more entries than
 * `maxEntries`, so that an entry that changes costs one part.
 */
export function encodeMap<K extends string, V>(
  entries: ReadonlyMap<K, V>,
  format: MapFormat<K, V>,
  maxEntries: number,
): { readonly map: MapOrParts<K, V>; readonly documents: readonly EncodedDocument[] } {
  if (entries.size <= maxEntries) return { map: { entries }, documents: [] };
  const shares = new Map<string, Map<K, V>>();
  for (const [key, value] of entries) {
    shares.getOrInsertComputed(shardOf(key), () => new Map<K, V>()).set(key, value);
  }
  const parts = new Map([...shares].map(([shard, share]) => [shard, encodePart(share, format)]));
  return {
    map: { parts: new Map([...parts].map(([shard, { digest }]) => [shard, digest])) },
    documents: [...parts.values()],
  };
}

/** The names of split tags, for paging: one sorted JSON array. */
export function encodeTagNames(names: Iterable<string>): EncodedDocument {
  return encodeDocument(canonicalBytes([...names].toSorted()));
}

function written<V>(
  entries: ReadonlyMap<string, V>,
  { write }: { readonly write: (value: V) => CanonicalValue },
): Map<string, CanonicalValue> {
  return new Map([...entries].map(([key, value]) => [key, write(value)]));
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
