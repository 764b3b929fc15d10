import type { Digest } from '@gantry/oci';
import { type CanonicalValue, canonicalBytes } from './canonical-json.ts';
import {
  type EncodedDocument,
  type ManifestEntry,
  MAX_MAP_ENTRIES,
  type RepositoryDocument,
  TREE_FORMAT,
} from './documents.ts';
import { encodeDocument } from './encoding.ts';
import { shardOf } from './paths.ts';

/** A repository document and what it names beside itself: the parts of its split maps, and the names of split tags. */
export interface EncodedRepository {
  readonly document: EncodedDocument;
  readonly parts: readonly EncodedDocument[];
}

/**
 * A repository's documents. A map of over MAX_MAP_ENTRIES entries is split by the first two hex digits of sha256(key),
 * so that a tag that moves costs one part.
 */
export function encodeRepository(repository: RepositoryDocument): EncodedRepository {
  const parts: EncodedDocument[] = [];
  const keep = (bytes: Uint8Array): Digest => {
    const part = encodeDocument(bytes);
    parts.push(part);
    return part.digest;
  };
  const split = (map: ReadonlyMap<string, CanonicalValue>): ReadonlyMap<string, Digest> => {
    const shares = new Map<string, Map<string, CanonicalValue>>();
    for (const [key, value] of map) {
      const share = shares.get(shardOf(key)) ?? new Map<string, CanonicalValue>();
      shares.set(shardOf(key), share.set(key, value));
    }
    return new Map(
      [...shares].map(([key, share]) => [key, keep(canonicalBytes({ format: TREE_FORMAT, entries: share }))]),
    );
  };
  const member = (whole: string, partly: string, map: ReadonlyMap<string, CanonicalValue>) =>
    map.size > MAX_MAP_ENTRIES ? { [partly]: split(map) } : { [whole]: map };

  const { tags } = repository;
  const tagNames =
    tags.size > MAX_MAP_ENTRIES ? { tagNames: keep(canonicalBytes([...tags.keys()].toSorted())) } : {};
  const document = encodeDocument(
    canonicalBytes({
      format: TREE_FORMAT,
      name: repository.name,
      channel: repository.channel,
      ...member('tags', 'tagParts', tags),
      ...tagNames,
      ...member('manifests', 'manifestParts', mapValues(repository.manifests, manifestMembers)),
      ...member(
        'blobs',
        'blobParts',
        mapValues(repository.blobs, ({ size, since }) => ({ size, since })),
      ),
      ...member('referrers', 'referrerParts', repository.referrers),
    }),
  );
  return { document, parts };
}

function manifestMembers({ kind, size, since, untagged }: ManifestEntry): CanonicalValue {
  return { kind, size, since, ...(untagged === undefined ? {} : { untagged }) };
}

function mapValues<K, V, W>(map: ReadonlyMap<K, V>, change: (value: V) => W): Map<K, W> {
  return new Map([...map].map(([key, value]) => [key, change(value)]));
}
