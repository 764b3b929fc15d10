import type { Digest } from '@gantry/oci';
import type { RepositoryDocument, ShardDocument, Statement } from './documents.ts';

/**
 * One whole published state, read lazily: every document is checked against the digest that names it. Immutable; a new
 * serial is another view that shares what is unchanged.
 *
 * Each method throws Fault UNAVAILABLE, naming the document, when one that is named is absent or its bytes are not those
 * of its digest; TREE_INVALID when it is not as the format says.
 */
export interface TreeView {
  readonly statement: Statement;
  /** Of the statement's bytes. */
  readonly digest: Digest;
  /** The root document: a shard's two hex digits to the digest of its document. */
  readonly shards: ReadonlyMap<string, Digest>;
  /** The repositories of a shard, sorted by name; empty for one that the root does not name. */
  shard(key: string): Promise<ShardDocument>;
  /** The repository's document; undefined only on the whole proof that there is none (root and shard were read). */
  repository(name: string): Promise<RepositoryDocument | undefined>;
  /** The digest of the repository's document, without reading it. */
  repositoryDigest(name: string): Promise<Digest | undefined>;
  /** All published names, sorted within each shard, shard by shard. */
  repositories(): AsyncIterable<{ name: string; digest: Digest }>;
  /** The bytes of a document in `pool/index` (a referrers document), verified. */
  document(digest: Digest): Promise<Uint8Array>;
}
