import type { Digest, ManifestKind } from '@gantry/oci';

/** The number of the format that this code reads and writes. */
export const TREE_FORMAT = 1;

/** A serial's statement, `serial/<n>.json`; `serial/current.json` is a copy of one of them. */
export interface Statement {
  /** Made once for a tree, at random. */
  readonly tree: string;
  readonly serial: number;
  readonly previous: { readonly serial: number; readonly digest: Digest } | null;
  /** RFC 3339, UTC, whole seconds. */
  readonly published: string;
  readonly expires: string;
  readonly root: Digest;
  /** Of the bytes of `lists/<serial>.txt`. */
  readonly list: Digest;
  /** The newest full list; null before there is one. */
  readonly full: { readonly serial: number; readonly digest: Digest } | null;
  readonly signatures: readonly { readonly keyid: string; readonly sig: string }[];
}

/** Which shard holds what: by the first two hex digits of sha256(published name). */
export interface RootDocument {
  readonly shards: ReadonlyMap<string, Digest>;
}

export interface ShardDocument {
  /** Published name to the digest of its repository document. */
  readonly repositories: ReadonlyMap<string, Digest>;
}

export interface ManifestEntry {
  readonly kind: ManifestKind;
  readonly size: number;
  /** The first serial of the object's unbroken run in the pool: a mirror at or above it has the object. */
  readonly since: number;
  /** RFC 3339: since when no tag has reached it. */
  readonly untagged?: string;
}

export interface BlobEntry {
  readonly size: number;
  readonly since: number;
}

/** All of one published repository, its parts put together. Maps, as a tag may be called `__proto__`. */
export interface RepositoryDocument {
  /** The published name, the channel's prefix included. */
  readonly name: string;
  readonly channel: string;
  readonly tags: ReadonlyMap<string, Digest>;
  readonly manifests: ReadonlyMap<Digest, ManifestEntry>;
  readonly blobs: ReadonlyMap<Digest, BlobEntry>;
  /** Subject to the digest of its referrers document: an OCI index in `pool/index`, the very body that the crane answers. */
  readonly referrers: ReadonlyMap<Digest, Digest>;
}

/** A map of more entries than this stands in parts. */
export const MAX_MAP_ENTRIES = 4096;

/** A document as it lies in `pool/index`. */
export interface EncodedDocument {
  readonly digest: Digest;
  /** `pool/index/sha256/<ab>/<hex>.json` */
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** A line of a list: `+ <size> <sha256> <path>` or `- <path>`. */
export type ListLine =
  | { readonly op: '+'; readonly size: number; readonly sha256: string; readonly path: string }
  | { readonly op: '-'; readonly path: string };
