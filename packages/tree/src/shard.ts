import { type Digest, isRepositoryName } from '@gantry/oci';
import { canonicalBytes } from './canonical-json.ts';
import { type EncodedDocument, type ShardDocument, TREE_FORMAT } from './documents.ts';
import { encodeDocument } from './encoding.ts';
import { PackedShard } from './packed-shard.ts';
import { DIGEST_PATTERN, PlainJson, type SortedEntries, TEXT_PATTERN } from './plain-json.ts';
import { readDigest, readDocument, readMap } from './reading-json.ts';

/** A shard document's bytes, digest and path. */
export function encodeShard(shard: ShardDocument): EncodedDocument {
  return encodeDocument(canonicalBytes({ format: TREE_FORMAT, repositories: shard.repositories }));
}

/** The shard, its names in sorted order. @throws Fault TREE_INVALID */
export function decodeShard(bytes: Uint8Array, where = 'the shard document'): ShardDocument {
  const document = readDocument(bytes, where);
  return {
    repositories: readMap(document['repositories'], where, 'repositories', isPublishedName, readDigest),
  };
}

/** A shard document in few bytes. @throws Fault TREE_INVALID */
export function packShard(bytes: Uint8Array, where: string): PackedShard {
  return new PackedShard(readListedShard(bytes) ?? [...decodeShard(bytes, where).repositories]);
}

const REPOSITORY = new RegExp(`${TEXT_PATTERN}:"${DIGEST_PATTERN}"`, 'y');

/** The names and digests of a shard that is written as a publisher writes it; undefined for another, which may still be right. */
function readListedShard(bytes: Uint8Array): SortedEntries<string, Digest> | undefined {
  const json = new PlainJson(bytes);
  json.skip(`{"format":${TREE_FORMAT},"repositories":`);
  const repositories = json.entries(REPOSITORY, ([, name = '', digest]) =>
    isPublishedName(name) ? ([name, digest as Digest] as const) : undefined,
  );
  json.skip('}');
  return json.isRead ? repositories : undefined;
}

function isPublishedName(key: string): key is string {
  return isRepositoryName(key);
}
