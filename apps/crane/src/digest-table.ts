import type { Digest } from '@gantry/oci';
import { hexByte, hexWord } from './hex.ts';

const SHA256 = { prefix: 'sha256:', bytes: 32 } as const;
const SHA512 = { prefix: 'sha512:', bytes: 64 } as const;
/** Where the hex digits of a digest begin, of both algorithms. */
const HEX_AT = SHA256.prefix.length;

/**
 * An immutable map from digests to records of a fixed length, in one buffer outside of the heap: entries are sorted by
 * digest within each algorithm. A Map takes some five times the memory, and the collector has to walk each of its
 * members. What matters in a table that was not used lately is how many lines of memory a search touches: so it is
 * done here byte by byte, without a call out of JavaScript, which would look at the buffer's bookkeeping, too.
 */
export class DigestTable {
  readonly bytes: Buffer;
  readonly #recordBytes: number;
  /** Where the entries of sha512 begin. */
  readonly #sha512At: number;

  /** @param write puts one entry's record at `bytes[at]` and following */
  constructor(
    digests: Iterable<Digest>,
    recordBytes: number,
    write: (bytes: Buffer, at: number, digest: Digest) => void,
  ) {
    const sorted = [...digests].toSorted(); // sha256 comes before sha512
    const sha256Count = sorted.filter((digest) => digest.startsWith(SHA256.prefix)).length;
    const sha512Count = sorted.length - sha256Count;
    this.#recordBytes = recordBytes;
    this.#sha512At = sha256Count * (SHA256.bytes + recordBytes);
    this.bytes = Buffer.allocUnsafeSlow(this.#sha512At + sha512Count * (SHA512.bytes + recordBytes));
    let at = 0;
    for (const digest of sorted) {
      at += this.bytes.write(digest.slice(HEX_AT), at, 'hex');
      write(this.bytes, at, digest);
      at += recordBytes;
    }
  }

  /** Where the digest's record begins in `bytes`; -1 if the digest is not in the table. */
  find(digest: Digest): number {
    return digest.startsWith(SHA256.prefix)
      ? this.#search(digest, SHA256.bytes, 0, this.#sha512At)
      : this.#search(digest, SHA512.bytes, this.#sha512At, this.bytes.length);
  }

  /** The digest whose record begins at `at`. */
  digestAt(at: number): Digest {
    const { prefix, bytes } = at <= this.#sha512At ? SHA256 : SHA512;
    return `${prefix}${this.bytes.toString('hex', at - bytes, at)}`;
  }

  #search(digest: Digest, digestBytes: number, first: number, end: number): number {
    const stride = digestBytes + this.#recordBytes;
    const wanted = hexWord(digest, HEX_AT);
    // Digests are spread evenly, so that the place of one follows from its value, but for a few steps.
    let at = first + Math.floor((((end - first) / stride) * wanted) / 2 ** 32) * stride;
    while (at > first && this.#word(at - stride) >= wanted) at -= stride;
    while (at < end && this.#word(at) < wanted) at += stride;
    for (; at < end && this.#word(at) === wanted; at += stride) {
      if (this.#holds(digest, digestBytes, at)) return at + digestBytes;
    }
    return -1;
  }

  #word(at: number): number {
    const { bytes } = this;
    const high = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
    const low = ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
    return high * 0x1_0000 + low;
  }

  #holds(digest: Digest, digestBytes: number, at: number): boolean {
    for (let index = 0; index < digestBytes; index++) {
      if (this.bytes[at + index] !== hexByte(digest, HEX_AT + 2 * index)) return false;
    }
    return true;
  }
}
