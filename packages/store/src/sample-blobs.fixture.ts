import { randomBytes } from 'node:crypto';
import { type Digest, digestOf, type FaultCode } from '@gantry/oci';
import type { BlobStore } from './blob-store.ts';

export function sample(size: number): { bytes: Buffer; digest: Digest } {
  const bytes = randomBytes(size);
  return { bytes, digest: digestOf(bytes) };
}

export async function put(store: BlobStore, bytes: Uint8Array, digest: Digest): Promise<void> {
  const writer = await store.write(digest, bytes.length);
  await writer.append(bytes.subarray(writer.offset));
  await writer.commit();
}

/** Writes what is missing, and finds the whole blob then. */
export async function finish(store: BlobStore, bytes: Uint8Array, digest: Digest): Promise<void> {
  await put(store, bytes, digest);
  expect(digestOf(await store.read(digest, bytes.length))).toBe(digest);
}

/** What a fault of this code looks like whose message names something. */
export function fault(code: FaultCode, named: string): object {
  return { code, message: expect.stringContaining(named) as string };
}
