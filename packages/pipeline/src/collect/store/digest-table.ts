import { type Digest, type DigestAlgorithm, DIGEST_ALGORITHMS, splitDigest } from '@gantry/oci';

const FIRST_SLOTS = 64;
/** Slots are doubled when so much of them is taken. */
const MAX_LOAD = 0.6;
/** One table for each first byte of a digest: so each is small, and takes little time to grow. */
const TABLES = 256;

/** Digests, each with a number. They are kept as bytes, at about 90 bytes a digest, so that millions fit into memory. */
export class DigestTable {
  readonly #tables = new Map<DigestAlgorithm, readonly Table[]>();

  get size(): number {
    let size = 0;
    for (const tables of this.#tables.values()) for (const table of tables) size += table.size;
    return size;
  }

  /** The digest's number; 0 for one that is not there. */
  get(digest: Digest): number {
    const { algorithm, hex } = splitDigest(digest);
    return tableOf(this.#tables.get(algorithm), hex)?.get(hex) ?? 0;
  }

  /** @param value from 1 up to 2^32 - 1 */
  set(digest: Digest, value: number): void {
    const { algorithm, hex } = splitDigest(digest);
    const tables = this.#tables.getOrInsertComputed(algorithm, () =>
      Array.from({ length: TABLES }, () => new Table(DIGEST_ALGORITHMS[algorithm] / 2)),
    );
    tableOf(tables, hex)?.set(hex, value);
  }

  *entries(): Generator<readonly [Digest, number]> {
    for (const [algorithm, tables] of this.#tables)
      for (const table of tables)
        for (const [hex, value] of table.entries()) yield [`${algorithm}:${hex}`, value];
  }
}

function tableOf(tables: readonly Table[] | undefined, hex: string): Table | undefined {
  return tables?.[Number.parseInt(hex.slice(0, 2), 16)];
}

/** Digests of one length: a slot is free while its number is 0. */
class Table {
  readonly #bytes: number;
  #keys: Buffer;
  #values = new Uint32Array(FIRST_SLOTS);
  /** The key that is looked for. */
  readonly #wanted: Buffer;
  size = 0;

  constructor(bytes: number) {
    this.#bytes = bytes;
    this.#keys = Buffer.alloc(FIRST_SLOTS * bytes);
    this.#wanted = Buffer.alloc(bytes);
  }

  get(hex: string): number {
    this.#wanted.write(hex, 'hex');
    return this.#values[this.#find(this.#wanted)] ?? 0;
  }

  set(hex: string, value: number): void {
    if (this.size + 1 > this.#values.length * MAX_LOAD) this.#grow();
    this.#wanted.write(hex, 'hex');
    const slot = this.#find(this.#wanted);
    if (this.#values[slot] === 0) {
      this.#wanted.copy(this.#keys, slot * this.#bytes);
      this.size++;
    }
    this.#values[slot] = value;
  }

  *entries(): Generator<readonly [string, number]> {
    const [keys, values] = [this.#keys, this.#values];
    for (const [slot, value] of values.entries())
      if (value !== 0)
        yield [keys.toString('hex', slot * this.#bytes, (slot + 1) * this.#bytes), value] as const;
  }

  /** The slot of a key, or the free one that it would take. */
  #find(key: Buffer): number {
    const last = this.#values.length - 1;
    // Digests are as good as random, whichever bytes are taken but the first.
    for (let slot = key.readUInt32LE(1) & last; ; slot = (slot + 1) & last) {
      if (this.#values[slot] === 0) return slot;
      const at = slot * this.#bytes;
      if (key.compare(this.#keys, at, at + this.#bytes) === 0) return slot;
    }
  }

  #grow(): void {
    const [keys, values] = [this.#keys, this.#values];
    this.#keys = Buffer.alloc(2 * keys.length);
    this.#values = new Uint32Array(2 * values.length);
    for (const [slot, value] of values.entries()) {
      if (value === 0) continue;
      const key = keys.subarray(slot * this.#bytes, (slot + 1) * this.#bytes);
      const to = this.#find(key);
      key.copy(this.#keys, to * this.#bytes);
      this.#values[to] = value;
    }
  }
}
