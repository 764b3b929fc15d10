import { type Digest, Fault, hasherFor, splitDigest } from '@gantry/oci';
import { type BlobStore, hasObjects } from '@gantry/store';
import type { S3Client } from '@gantry/store/s3';
import { Room } from '../../concurrency.ts';
import { freeChunk } from '../../free-chunk.ts';
import type { PoolContent } from '../compose-repository.ts';
import { corruptInStore } from '../corrupt-in-store.ts';
import { headersFor } from './headers.ts';

/** A stream of a blob that is larger than this goes in parts; each adds what its source has read ahead. */
const LARGE_BYTES = 5 * 1024 * 1024;
const LARGE_AT_ONCE = 4;

/** Puts an object of the store into the pool; with `check` it reads the store's bytes, whatever the server could do. */
export type PutContent = (object: PoolContent, check?: boolean) => Promise<void>;

/**
 * By the server itself where the store is on it too; else by this process, which checks the digest on the way. A server
 * that refuses to copy, for instance as the tree's key may not read the store's bucket, gets the bytes.
 */
export function contentPutter(client: S3Client, store: BlobStore): PutContent {
  let copies = hasObjects(store) && store.endpoint === client.endpoint;
  const large = new Room(LARGE_AT_ONCE);
  const stream = (object: PoolContent) =>
    object.size > LARGE_BYTES ? large.run(() => streamNow(object)) : streamNow(object);
  const streamNow = async ({ path, digest, size }: PoolContent) => {
    const bytes = await store.open(digest);
    try {
      await client.putStream(path, checked(bytes, digest), size, headersFor(path));
    } finally {
      bytes.destroy(); // where it failed before a byte was asked for
    }
  };
  return async (object, check) => {
    const { path, digest, size } = object;
    if (check === true || !copies || !hasObjects(store)) return await stream(object);
    try {
      await client.copy({ ...store.objectOf(digest), sizeBytes: size }, path, headersFor(path));
    } catch (error) {
      if (!(error instanceof Fault) || !REFUSED.has(error.code)) throw error;
      await stream(object);
      copies = false;
    }
  };
}

/** Of an answer that would be the same the next time. */
const REFUSED = new Set(['CONFIGURATION_INVALID', 'UNSUPPORTED']);

/**
 * The bytes, as they come; broken off at their end if they are not the digest's, so that nothing is made of them. A chunk
 * is gone once the next is asked for: whoever reads has to have copied it.
 */
async function* checked(bytes: AsyncIterable<Uint8Array>, digest: Digest): AsyncGenerator<Uint8Array> {
  const hasher = hasherFor(digest);
  for await (const chunk of bytes) {
    hasher.update(chunk);
    yield chunk;
    freeChunk(chunk);
  }
  if (hasher.digest('hex') === splitDigest(digest).hex) return;
  throw corruptInStore(digest);
}
