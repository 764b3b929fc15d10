import type { Digest } from '@gantry/oci';

const SHA256 = { prefix: 'sha256:', bytes: 32 } as const;
const SHA512 = { prefix: 'sha512:', bytes: 64 } as const;

/**
 * An immutable map from digests to records of a fixed length, in one buffer outside of the heap: entries are sorted by
 * digest within each algorithm. A Map takes some five times the memory, and the collector has to
 * walk each of its members.
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
      at += this.bytes.write(digest.slice(SHA256.prefix.length), at, 'hex');
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
    const { bytes } = this;
    const stride = digestBytes + this.#recordBytes;
    const hex = digest.slice(SHA256.prefix.length);
    const wanted = Number.parseInt(hex.slice(0, 8), 16);
    // Digests are spread evenly, so that the place of one follows from its value, but for a few steps.
    let at = first + Math.floor((((end - first) / stride) * wanted) / 2 ** 32) * stride;
    while (at > first && bytes.readUInt32BE(at - stride) >= wanted) at -= stride;
    while (at < end && bytes.readUInt32BE(at) < wanted) at += stride;
    for (; at < end && bytes.readUInt32BE(at) === wanted; at += stride) {
      if (bytes.toString('hex', at, at + digestBytes) === hex) return at + digestBytes;
    }
    return -1;
  }
}
