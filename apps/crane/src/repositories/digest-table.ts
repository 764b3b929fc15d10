import type { Digest } from '@gantry/oci';
import type { SortedEntries } from '@gantry/tree';
import { hexByte, hexWord, wordAt } from './bytes.ts';

/** How many digests of each algorithm a table has. */
export interface DigestCounts {
  readonly sha256: number;
  readonly sha512: number;
}

const PREFIX_LENGTH = 'sha256:'.length;
const SHA256_BYTES = 32;
const SHA512_BYTES = 64;

/** The bytes that a table takes. */
export function tableBytes(counts: DigestCounts, recordBytes: number): number {
  return counts.sha256 * (SHA256_BYTES + recordBytes) + counts.sha512 * (SHA512_BYTES + recordBytes);
}

/** How many digests of each algorithm there are. @param entries sorted: sha256 comes before sha512 */
export function countDigests(entries: SortedEntries<Digest, unknown>): DigestCounts {
  const sha512At = entries.findIndex(([digest]) => digest.startsWith('sha512:'));
  const sha256 = sha512At < 0 ? entries.length : sha512At;
  return { sha256, sha512: entries.length - sha256 };
}

/**
 * Writes a map from digests to records of a fixed length: each digest's bytes, then its record.
 * @param write puts one digest's record at `bytes[at]` and following
 * @returns where the table ends
 */
export function writeTable<V>(
  bytes: Buffer,
  start: number,
  entries: SortedEntries<Digest, V>,
  recordBytes: number,
  write: (at: number, value: V) => void,
): number {
  let at = start;
  for (const [digest, value] of entries) {
    at += bytes.write(digest.slice(PREFIX_LENGTH), at, 'hex');
    write(at, value);
    at += recordBytes;
  }
  return at;
}

/** Where the digest stands in the table that begins at `start`, counted from 0; -1 if it is not there. */
export function indexOfDigest(
  bytes: Buffer,
  start: number,
  counts: DigestCounts,
  recordBytes: number,
  digest: Digest,
): number {
  const record = findRecord(bytes, start, counts, recordBytes, digest);
  if (record < 0) return -1;
  if (digest.startsWith('sha256:')) return (record - SHA256_BYTES - start) / (SHA256_BYTES + recordBytes);
  const sha512At = start + counts.sha256 * (SHA256_BYTES + recordBytes);
  return counts.sha256 + (record - SHA512_BYTES - sha512At) / (SHA512_BYTES + recordBytes);
}

/** Where the digest's record begins in `bytes`; -1 if the digest is not in the table that begins at `start`. */
export function findRecord(
  bytes: Buffer,
  start: number,
  counts: DigestCounts,
  recordBytes: number,
  digest: Digest,
): number {
  const sha512At = start + counts.sha256 * (SHA256_BYTES + recordBytes);
  return digest.startsWith('sha256:')
    ? search(bytes, start, counts.sha256, SHA256_BYTES, recordBytes, digest)
    : search(bytes, sha512At, counts.sha512, SHA512_BYTES, recordBytes, digest);
}

/** The digest that stands at `index` of the table, and where its record begins. */
export function entryAt(
  bytes: Buffer,
  start: number,
  counts: DigestCounts,
  recordBytes: number,
  index: number,
): { readonly digest: Digest; readonly at: number } {
  const sha512 = index - counts.sha256;
  if (sha512 < 0) {
    const at = start + index * (SHA256_BYTES + recordBytes);
    return { digest: `sha256:${bytes.toString('hex', at, at + SHA256_BYTES)}`, at: at + SHA256_BYTES };
  }
  const at = start + tableBytes({ sha256: counts.sha256, sha512 }, recordBytes);
  return { digest: `sha512:${bytes.toString('hex', at, at + SHA512_BYTES)}`, at: at + SHA512_BYTES };
}

function search(
  bytes: Buffer,
  first: number,
  count: number,
  digestBytes: number,
  recordBytes: number,
  digest: Digest,
): number {
  const stride = digestBytes + recordBytes;
  const end = first + count * stride;
  const wanted = hexWord(digest, PREFIX_LENGTH);
  // Digests are spread evenly, so that the place of one follows from its value, but for a few steps.
  let at = first + Math.floor((count * wanted) / 2 ** 32) * stride;
  while (at > first && wordAt(bytes, at - stride) >= wanted) at -= stride;
  while (at < end && wordAt(bytes, at) < wanted) at += stride;
  for (; at < end && wordAt(bytes, at) === wanted; at += stride) {
    if (holds(bytes, at, digestBytes, digest)) return at + digestBytes;
  }
  return -1;
}

function holds(bytes: Buffer, at: number, digestBytes: number, digest: Digest): boolean {
  for (let index = 0; index < digestBytes; index++) {
    if (bytes[at + index] !== hexByte(digest, PREFIX_LENGTH + 2 * index)) return false;
  }
  return true;
}
