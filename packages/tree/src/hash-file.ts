import { type Digest, hasherFor, splitDigest } from '@gantry/oci';
import type { TreeSource } from './tree-source.ts';

/**
 * Whether a file's bytes are those of the digest; undefined if it is absent.
 * @param onBytes told of each piece that was read
 */
export async function hashFile(
  source: TreeSource,
  path: string,
  digest: Digest,
  onBytes: (bytes: number) => void = () => undefined,
): Promise<{ matches: boolean; hex: string } | undefined> {
  const stream = await source.open(path);
  if (stream === undefined) return undefined;
  const hasher = hasherFor(digest);
  for await (const chunk of hashing(stream, hasher)) onBytes(chunk.length);
  const hex = hasher.digest('hex');
  return { matches: hex === splitDigest(digest).hex, hex };
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
