import type { Readable } from 'node:stream';
import type { Digest, Fault } from '@gantry/oci';
import type { BlobRemoval } from './blob-removal.ts';

/** Bytes `start` to `end`, both included, counted from 0 (as in RFC 9110, section 14.1.2); `end` absent: to the last one. */
export interface ByteRange {
  readonly start: number;
  readonly end?: number;
}

/**
 * Bytes by their digest, each stored once. What the store says it has is whole, verified and durable; bytes that are on
 * their way can't be seen by a reader.
 */
export interface BlobStore extends AsyncDisposable {
  /** The blob's size in bytes; undefined when the store has no such blob. */
  stat(digest: Digest): Promise<{ size: number } | undefined>;

  /** Streams a blob, or a part of it. @throws Fault BLOB_UNKNOWN; SIZE_INVALID for a range that is not in the blob */
  open(digest: Digest, range?: ByteRange): Promise<Readable>;

  /** All bytes of a small blob (a manifest, a config). @throws Fault BLOB_UNKNOWN; SIZE_INVALID when it is over `maxBytes` */
  read(digest: Digest, maxBytes: number): Promise<Buffer>;

  /**
   * Starts to write a blob, or goes on with one that an earlier attempt left unfinished; in a former process too, where
   * the engine can read what lies there unfinished (S3 can't).
   * One writer a digest at a time in a process: a second waits for the first to end.
   * @param size the blob's whole size in bytes, as its descriptor says
   * @throws Fault SIZE_INVALID when the blob is in the store with another size
   */
  write(digest: Digest, size: number): Promise<BlobWriter>;

  /** All blobs in the store, by their digests. @param after only those behind this one */
  list(after?: Digest): AsyncIterable<{ digest: Digest; size: number }>;

  /** Removes a blob, and what lies there unfinished of it where the engine can read that; no error if it is absent. */
  delete(digest: Digest): Promise<void>;

  /**
   * Starts to remove blobs, for whoever holds a lease, and shuts out those who did so under it before.
   * @param lease its name
   * @param confirm asks whether the caller has its lease, and throws if not
   * @throws what `confirm` throws
   */
  startRemoval(lease: string, confirm: () => Promise<void>): Promise<BlobRemoval>;
}

/**
 * One blob on its way into the store. It ends when `commit` succeeds or by `suspend`; disposing of it suspends. After a
 * fault SIZE_INVALID or DIGEST_INVALID it goes on from its `offset`; a failure to write, as STORAGE_FULL, ends it too.
 */
export interface BlobWriter extends AsyncDisposable {
  /** Bytes that are here already: the source is asked for those from here on. When it is the size, `commit` is all that is left. */
  readonly offset: number;

  /**
   * Takes the next bytes; the chunk may be used again once this resolves. One call at a time.
   * @throws Fault SIZE_INVALID for bytes past the blob's size, and what came is thrown away; STORAGE_FULL
   */
  append(chunk: Uint8Array): Promise<void>;

  /**
   * Verifies size and digest, makes the blob durable and then visible. Also right when another writer has made it
   * visible in the meantime.
   * @throws Fault SIZE_INVALID when bytes are missing, what came is kept; DIGEST_INVALID when they are not the digest's,
   * what came is thrown away; UNAVAILABLE when the blob was there at first and then deleted
   */
  commit(): Promise<void>;

  /** Ends for now: what came is kept, and the next writer goes on from there. */
  suspend(): Promise<void>;

  /** Throws away what came, for a source that can't go on from an offset. The writer then starts again at 0. */
  restart(): Promise<void>;
}

/** What has a default that serves, whatever the engine. */
export interface StoreOptions {
  /** Told of what goes wrong beside the calls, and is nobody's failure: such as a right that tidying lacks. Must not throw. */
  readonly onTrouble?: (fault: Fault) => void;
}

/** A power of stores whose blobs are files: the publisher can hardlink them. Mode 0444; never to be changed in place. */
export interface FileBlobs {
  pathOf(digest: Digest): string;
}

/** Whether the store keeps its blobs as files. */
export function hasFiles(store: BlobStore): store is BlobStore & FileBlobs {
  return 'pathOf' in store;
}

/**
 * A power of stores whose blobs are objects in S3: the publisher has the server copy them. `endpoint` is absent for Amazon's
 * own; a copy works between buckets of one server.
 */
export interface ObjectBlobs {
  readonly endpoint: string | undefined;
  /** Bucket and whole key of a blob, whether it is there or not. */
  objectOf(digest: Digest): { readonly bucket: string; readonly key: string };
}

/** Whether the store keeps its blobs as objects in S3. */
export function hasObjects(store: BlobStore): store is BlobStore & ObjectBlobs {
  return 'objectOf' in store;
}
