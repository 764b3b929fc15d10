import { type Digest, Fault, parseDigest, parseReference, quote } from '@gantry/oci';
import type { CandidateAnswer } from '../answers.ts';
import type { ApiClient } from '../remote/client.ts';

/** What `--help` says of a word that names an image. */
export const IMAGE_WORDS = 'REPO:TAG, REPO@DIGEST or a digest';

/** An image that was named: by what it is, or by what it was called. */
export type ImageWord =
  | { readonly repository: string; readonly tag: string }
  | { readonly repository?: string; readonly digest: Digest };

/** @throws Fault NAME_INVALID, TAG_INVALID, DIGEST_INVALID */
export function readImage(word: string): ImageWord {
  return /^sha(256|512):/.test(word) ? { digest: parseDigest(word) } : parseReference(word);
}

/** The digest of an image. A tag is what the newest candidate of it is. @throws Fault REFERENCE_UNKNOWN */
export async function findDigest(
  client: ApiClient,
  image: ImageWord,
  signal: AbortSignal,
): Promise<{ readonly digest: string; readonly repository?: string }> {
  if ('digest' in image) return image;
  const { repository, tag } = image;
  const candidates = client.list<CandidateAnswer>(
    '/api/v1/candidates',
    { repository, tag, limit: '1' },
    signal,
  );
  for await (const { digest } of candidates) return { repository, digest };
  throw new Fault(
    'REFERENCE_UNKNOWN',
    `there is no candidate ${quote(`${repository}:${tag}`)}: sync it, or name the image by its digest`,
  );
}
