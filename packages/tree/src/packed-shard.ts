import type { Digest } from '@gantry/oci';
import type { SortedEntries } from './plain-json.ts';

// The layout: for each name, in their order, a word where its record begins; then the records: the length of the name in a
// byte, the name, and the digest's bytes, whose number tells the algorithm.
const WORD_BYTES = 4;
const SHA256_BYTES = 32;

/** A shard's names and digests in one run of bytes, by half as many as in its document: so all shards of a large tree stay in memory. */
export class PackedShard implements Iterable<readonly [string, Digest]> {
  readonly #bytes: Buffer;
  readonly #count: number;

  /** @param entries names of ASCII, of 255 characters at the most */
  constructor(entries: SortedEntries<string, Digest>) {
    let at = entries.length * WORD_BYTES;
    const records = entries.reduce((total, [name, digest]) => total + 1 + name.length + bytesOf(digest), 0);
    this.#bytes = Buffer.allocUnsafeSlow(at + records);
    this.#count = entries.length;
    for (const [index, [name, digest]] of entries.entries()) {
      this.#bytes.writeUInt32LE(at, index * WORD_BYTES);
      this.#bytes[at] = name.length;
      at += 1 + this.#bytes.write(name, at + 1, 'latin1');
      at += this.#bytes.write(digest.slice(PREFIX_LENGTH), at, 'hex');
    }
  }

  get sizeBytes(): number {
    return this.#bytes.length;
  }

  digestOf(name: string): Digest | undefined {
    let low = 0;
    let high = this.#count - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const found = this.#nameAt(middle);
      if (found === name) return this.#digestAt(middle);
      if (found < name) low = middle + 1;
      else high = middle - 1;
    }
    return undefined;
  }

  /** In the order of the names. */
  *[Symbol.iterator](): Generator<readonly [string, Digest]> {
    for (let index = 0; index < this.#count; index++) yield [this.#nameAt(index), this.#digestAt(index)];
  }

  #nameAt(index: number): string {
    const at = this.#begin(index);
    return this.#bytes.toString('latin1', at + 1, at + 1 + (this.#bytes[at] as number));
  }

  #digestAt(index: number): Digest {
    const at = this.#begin(index);
    const start = at + 1 + (this.#bytes[at] as number);
    const end = index + 1 < this.#count ? this.#begin(index + 1) : this.#bytes.length;
    const algorithm = end - start === SHA256_BYTES ? 'sha256' : 'sha512';
    return `${algorithm}:${this.#bytes.toString('hex', start, end)}`;
  }

  #begin(index: number): number {
    return this.#bytes.readUInt32LE(index * WORD_BYTES);
  }
}

const PREFIX_LENGTH = 'sha256:'.length;

function bytesOf(digest: Digest): number {
  return (digest.length - PREFIX_LENGTH) / 2;
}
