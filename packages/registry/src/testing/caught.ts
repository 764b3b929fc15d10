import { asFault, type Fault } from '@gantry/oci';

/** The fault that `work` ends with. */
export async function caught(work: Promise<unknown>): Promise<Fault> {
  const [result] = await Promise.allSettled([work]);
  if (result?.status === 'rejected') return asFault(result.reason);
  throw new Error('it went well, and should not have');
}

/** All that a list yields. */
export async function all<T>(list: AsyncIterable<T>): Promise<T[]> {
  return Array.fromAsync(list);
}

/** All bytes of a stream. */
export async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(stream));
}
