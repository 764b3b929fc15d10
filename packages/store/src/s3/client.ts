import type { Readable } from 'node:stream';
import { probeAccess, removeOldProbes, type S3Abilities } from './access.ts';
import type { S3Configuration } from './configuration.ts';
import { copyObject, type CopySource } from './copy-object.ts';
import { listObjects, type S3Listed } from './list-objects.ts';
import { head, put, type PutOptions, remove, type S3Object, type Written } from './objects.ts';
import { PartBuffers } from './part-buffers.ts';
import { putStream } from './put-stream.ts';
import { openObject, readObject, type S3Range } from './read-object.ts';
import type { RetryPolicy } from './retry.ts';
import { type CallOptions, openSession } from './session.ts';
import { MAX_PART_BYTES, MIN_PART_BYTES, type S3Upload, startUpload } from './uploads.ts';
import { removeAbandonedUploads } from './abandoned-uploads.ts';

/**
 * One bucket, or what is in it below a prefix. Paths are below the prefix, `a/b/c`. Throttling, errors of the server and cut
 * connections are tried again with growing waits; what fails for good is a fault that names bucket and endpoint:
 * CONFIGURATION_INVALID (no such bucket, no rights, a wrong key), STORAGE_FULL, UNAVAILABLE.
 */
export interface S3Client extends Disposable {
  /** Bucket and endpoint, as errors name them. */
  readonly name: string;
  readonly bucket: string;
  /** Absent: Amazon's own. */
  readonly endpoint: string | undefined;
  /** The whole key of a path: with the prefix. */
  keyOf(path: string): string;
  /** Tries the rights, and which conditional writes the server honours; leaves nothing behind. */
  probe(options?: CallOptions): Promise<S3Abilities>;
  /** Removes what `probe` has left behind all the same, as its process was killed, if it is so old by the server's clock. */
  removeOldProbes(ageMs: number, options?: CallOptions): Promise<void>;
  /** What is known of an object; undefined if there is none. */
  head(path: string, options?: CallOptions): Promise<S3Object | undefined>;
  /** Streams an object; goes on where a connection broke. @throws Fault SIZE_INVALID for a range past the end */
  open(
    path: string,
    range?: S3Range,
    options?: CallOptions,
  ): Promise<{ object: S3Object; body: Readable } | undefined>;
  /** All bytes of a small object. @throws Fault SIZE_INVALID when it is over `maxBytes` */
  read(
    path: string,
    maxBytes: number,
    options?: CallOptions,
  ): Promise<{ object: S3Object; bytes: Buffer } | undefined>;
  /** Writes a small object whole; with a condition or without. A lost answer is no harm to a conditional write. */
  put(path: string, bytes: Uint8Array, options?: PutOptions): Promise<Written>;
  /**
   * Writes an object of `sizeBytes` from a stream, in parts where it is large. All streams share 40 MiB of memory.
   * @throws Fault SIZE_INVALID when the stream has another length: nothing is written then
   */
  putStream(
    path: string,
    source: AsyncIterable<Uint8Array>,
    sizeBytes: number,
    options?: PutOptions,
  ): Promise<Written>;
  /** Starts to write an object in parts. */
  startUpload(path: string, options?: PutOptions): Promise<S3Upload>;
  /** Has the server copy an object of any bucket it has. Content-Type and Cache-Control are those of `options`. */
  copy(source: CopySource, path: string, options?: PutOptions): Promise<void>;
  /** All objects whose paths start so, by their keys. */
  list(start: string, options?: CallOptions & { readonly after?: string }): AsyncIterable<S3Listed>;
  /** Removes an object; no error if it is absent. */
  remove(path: string, options?: CallOptions): Promise<void>;
  /** Aborts uploads below `start` in which nothing has moved for so long, by the server's clock. @returns how many */
  removeAbandonedUploads(start: string, idleMs: number, options?: CallOptions): Promise<number>;
}

/** What all streams into a bucket together hold of bytes that are on their way. */
const STREAMED_MAX_BYTES = 8 * MIN_PART_BYTES;

/** What has a default that serves. */
export interface S3ClientOptions {
  /** How failures that may pass are met. */
  readonly retries?: RetryPolicy;
  /** Up to this size an object is copied by one request: 5 GiB, S3's bound. */
  readonly wholeCopyMaxBytes?: number;
}

/**
 * A client of a bucket; nothing is sent before the first call. The SDK is loaded here.
 * @throws Fault CONFIGURATION_INVALID
 */
export async function createS3Client(
  configuration: S3Configuration,
  { retries, wholeCopyMaxBytes = MAX_PART_BYTES }: S3ClientOptions = {},
): Promise<S3Client> {
  const session = await openSession(configuration, retries);
  const { name, bucket, endpoint } = session.place;
  const streamed = new PartBuffers(MIN_PART_BYTES, STREAMED_MAX_BYTES);
  return {
    name,
    bucket,
    endpoint,
    keyOf: (path) => session.keyOf(path),
    probe: (options) => probeAccess(session, options),
    removeOldProbes: (ageMs, options) => removeOldProbes(session, ageMs, options),
    head: (path, options) => head(session, path, options),
    open: (path, range, options) => openObject(session, path, range, options),
    read: (path, maxBytes, options) => readObject(session, path, maxBytes, options),
    put: (path, bytes, options) => put(session, path, bytes, options),
    putStream: (path, source, sizeBytes, options) =>
      putStream(session, streamed, path, source, sizeBytes, options),
    startUpload: (path, options) => startUpload(session, path, options),
    copy: (source, path, options) => copyObject(session, source, path, options, wholeCopyMaxBytes),
    list: (start, options) => listObjects(session, start, options),
    remove: (path, options) => remove(session, path, options),
    removeAbandonedUploads: (start, idleMs, options) =>
      removeAbandonedUploads(session, start, idleMs, options),
    [Symbol.dispose]: () => session.client.destroy(),
  };
}
