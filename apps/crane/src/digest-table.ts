import { type Digest, type DigestAlgorithm, DIGEST_ALGORITHMS, splitDigest } from '@gantry/oci';

/**
 * An immutable map from digests to records of a fixed length, in one buffer outside of the heap: entries are sorted by
 * digest within each algorithm, and found by halving. A Map takes some five times the memory, and the collector has to
 * walk each of its members.
 */
export class DigestTable {
  readonly bytes: Buffer;
  readonly #recordBytes: number;
  readonly #sha256Count: number;

  /** @param write puts one entry's record at `bytes[at]` and following */
  constructor(
    digests: Iterable<Digest>,
    recordBytes: number,
    write: (bytes: Buffer, at: number, digest: Digest) => void,
  ) {
    const sorted = [...digests].toSorted();
    const firstSha512 = sorted.findIndex((digest) => splitDigest(digest).algorithm === 'sha512');
    this.#recordBytes = recordBytes;
    this.#sha256Count = firstSha512 < 0 ? sorted.length : firstSha512;
    this.bytes = Buffer.allocUnsafeSlow(this.#offset(sorted.length));
    for (const [index, digest] of sorted.entries()) {
      const { algorithm, hex } = splitDigest(digest);
      const at = this.#offset(index);
      this.bytes.write(hex, at, 'hex');
      write(this.bytes, at + digestBytes(algorithm), digest);
    }
  }

  /** Where the digest's record begins in `bytes`; -1 if the digest is not in the table. */
  find(digest: Digest): number {
    const { algorithm, hex } = splitDigest(digest);
    const first = algorithm === 'sha256' ? 0 : this.#offset(this.#sha256Count);
    const end = algorithm === 'sha256' ? this.#offset(this.#sha256Count) : this.bytes.length;
    const length = digestBytes(algorithm);
    const stride = length + this.#recordBytes;
    const prefix = Number.parseInt(hex.slice(0, 8), 16);
    let low = 0;
    let high = (end - first) / stride;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.bytes.readUInt32BE(first + middle * stride) < prefix) low = middle + 1;
      else high = middle;
    }
    for (let at = first + low * stride; at < end && this.bytes.readUInt32BE(at) === prefix; at += stride) {
      if (this.bytes.toString('hex', at, at + length) === hex) return at + length;
    }
    return -1;
  }

  /** The digest whose record begins at `at`. */
  digestAt(at: number): Digest {
    const algorithm = at <= this.#offset(this.#sha256Count) ? 'sha256' : 'sha512';
    return `${algorithm}:${this.bytes.toString('hex', at - digestBytes(algorithm), at)}`;
  }

  /** Where the entry `index`, in the table's order, begins. */
  #offset(index: number): number {
    const sha512 = Math.max(0, index - this.#sha256Count);
    return (
      (index - sha512) * (digestBytes('sha256') + this.#recordBytes) +
      sha512 * (digestBytes('sha512') + this.#recordBytes)
    );
  }
}

function digestBytes(algorithm: DigestAlgorithm): number {
  return DIGEST_ALGORITHMS[algorithm] / 2;
}
