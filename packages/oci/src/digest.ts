import { createHash, hash, type Hash } from 'node:crypto';
import { Fault } from './faults.ts';

/** The algorithms that are accepted, and the length of their hex form (image-spec, descriptor.md, "Registered Algorithms"). */
export const DIGEST_ALGORITHMS = { sha256: 64, sha512: 128 } as const;
export type DigestAlgorithm = keyof typeof DIGEST_ALGORITHMS;

/** `sha256:<64 lower-case hex>` or `sha512:<128 lower-case hex>`. */
export type Digest = `${DigestAlgorithm}:${string}`;

const DIGEST = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

/** The grammar as text, for schemas that are shown to others. */
export const DIGEST_PATTERN = DIGEST.source;

/** Whether `text` is a digest of an algorithm that is supported. */
export function isDigest(text: string): text is Digest {
  return DIGEST.test(text);
}

/** @throws Fault DIGEST_INVALID, naming the text and what would be right. */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text;
  throw new Fault(
    'DIGEST_INVALID',
    `${quote(text)} is not a digest: sha256:<64 hex> or sha512:<128 hex> is`,
    {
      digest: text.slice(0, 200),
    },
  );
}

/** The two halves of a digest. */
export function splitDigest(digest: Digest): { algorithm: DigestAlgorithm; hex: string } {
  const colon = digest.indexOf(':');
  return { algorithm: digest.slice(0, colon) as DigestAlgorithm, hex: digest.slice(colon + 1) };
}

/** The digest of bytes that are all in memory. */
export function digestOf(bytes: Uint8Array | string, algorithm: DigestAlgorithm = 'sha256'): Digest {
  return `${algorithm}:${hash(algorithm, bytes)}`;
}

/** A running hash of the digest's own algorithm, to check bytes that stream by. */
export function hasherFor(digest: Digest): Hash {
  return createHash(splitDigest(digest).algorithm);
}

/** A name from outside, fit for an error message: quoted, printable, not longer than a line. */
export function quote(text: string): string {
  return printable(JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text));
}

/** Text with its control, format and line separator characters escaped: none may steer a terminal or forge a log line. */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );
}
