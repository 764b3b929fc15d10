import { canonicalBytes } from './canonical-json.ts';
import { type EncodedDocument, type RootDocument, TREE_FORMAT } from './documents.ts';
import { encodeDocument } from './encoding.ts';
import { isShardKey, readDigest, readDocument, readMap } from './reading-json.ts';

/** A root document's bytes, digest and path. */
export function encodeRoot(root: RootDocument): EncodedDocument {
  return encodeDocument(canonicalBytes({ format: TREE_FORMAT, shards: root.shards }));
}

/** @throws Fault TREE_INVALID */
export function decodeRoot(bytes: Uint8Array, where = 'the root document'): RootDocument {
  const document = readDocument(bytes, where);
  return { shards: readMap(document['shards'], where, 'shards', isShardKey, readDigest) };
}
