import { type Digest, hasherFor, splitDigest } from '@gantry/oci';
import type { TreeSource } from './tree-source.ts';

/** Whether a file's bytes are those of the digest, and how many they are; undefined if it is absent. */
export async function hashFile(
  source: TreeSource,
  path: string,
  digest: Digest,
): Promise<{ matches: boolean; size: number } | undefined> {
  const stream = await source.open(path);
  if (stream === undefined) return undefined;
  const hasher = hasherFor(digest);
  let size = 0;
  for await (const chunk of hashing(stream, hasher)) size += chunk.length;
  return { matches: hasher.digest('hex') === splitDigest(digest).hex, size };
}

/** Passes chunks on, hashing them on their way. */
export async function* hashing(
  chunks: AsyncIterable<Uint8Array>,
  hasher: { update(chunk: Uint8Array): unknown },
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    hasher.update(chunk);
    yield chunk;
  }
}
