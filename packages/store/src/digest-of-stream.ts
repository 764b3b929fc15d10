import type { Readable } from 'node:stream';
import { type Digest, hasherFor, splitDigest } from '@gantry/oci';

/** The digest of what a stream gives, by the algorithm of another digest. */
export async function digestOfStream(like: Digest, stream: Readable): Promise<Digest> {
  const hash = hasherFor(like);
  for await (const chunk of stream as AsyncIterable<Uint8Array>) hash.update(chunk);
  return `${splitDigest(like).algorithm}:${hash.digest('hex')}`;
}
