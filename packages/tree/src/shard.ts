import { isRepositoryName } from '@gantry/oci';
import { canonicalBytes } from './canonical-json.ts';
import { type EncodedDocument, type ShardDocument, TREE_FORMAT } from './documents.ts';
import { encodeDocument } from './encoding.ts';
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

function isPublishedName(key: string): key is string {
  return isRepositoryName(key);
}
