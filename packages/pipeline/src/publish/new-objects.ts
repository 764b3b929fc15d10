import type { PoolObject } from '@gantry/catalog';

/** Room for so many objects in the folder of the first. */
const FIRST_ROOM = 4;
const SIZE_BYTES = 6;
const SHA256_BYTES = 32;

/**
 * Objects that come into the pool with one serial: each once, however often it is added, in the order of their paths. A
 * first publication may have millions: so of each, no more is held than the bytes of its digest and its size.
 */
export class NewObjects implements Iterable<PoolObject> {
  readonly #serial: number;
  /** By the folder that they lie in, which names what kind they are. */
  readonly #folders = new Map<string, Records>();

  constructor(serial: number) {
    this.#serial = serial;
  }

  add({ path, size, sha256 }: Omit<PoolObject, 'since'>): void {
    const end = path.lastIndexOf('/');
    const folder = path.slice(0, end);
    const hex = path.slice(end + 1, path.length - suffixIn(folder).length);
    const records = this.#folders.getOrInsertComputed(folder, () => new Records(hex.length / 2));
    records.add(hex, size, sha256);
  }

  /** How many there are, and of how many bytes together. */
  totals(): { readonly objects: number; readonly bytes: number } {
    let [objects, bytes] = [0, 0];
    for (const records of this.#folders.values()) {
      for (const { size } of records) {
        objects++;
        bytes += size;
      }
    }
    return { objects, bytes };
  }

  *[Symbol.iterator](): Generator<PoolObject, undefined> {
    const folders = [...this.#folders].toSorted(([one], [other]) => (one < other ? -1 : 1));
    for (const [folder, records] of folders) {
      const suffix = suffixIn(folder);
      for (const { hex, size, sha256 } of records)
        yield { path: `${folder}/${hex}${suffix}`, size, sha256, since: this.#serial };
    }
  }
}

function suffixIn(folder: string): string {
  return folder.startsWith('pool/index/') ? '.json' : '';
}

/** Objects of one folder, one behind the other: digest, size, and the SHA-256 where the digest is another. */
class Records implements Iterable<{ readonly hex: string; readonly size: number; readonly sha256: string }> {
  readonly #digestBytes: number;
  readonly #width: number;
  #bytes: Buffer;
  #used = 0;
  #isSorted = true;

  constructor(digestBytes: number) {
    this.#digestBytes = digestBytes;
    this.#width = digestBytes + SIZE_BYTES + (digestBytes === SHA256_BYTES ? 0 : SHA256_BYTES);
    this.#bytes = Buffer.alloc(FIRST_ROOM * this.#width);
  }

  add(hex: string, size: number, sha256: string): void {
    if (this.#used === this.#bytes.length) this.#makeRoom();
    const sizeAt = this.#used + this.#digestBytes;
    this.#bytes.write(hex, this.#used, 'hex');
    this.#bytes.writeUIntBE(size, sizeAt, SIZE_BYTES);
    if (this.#digestBytes !== SHA256_BYTES) this.#bytes.write(sha256, sizeAt + SIZE_BYTES, 'hex');
    this.#used += this.#width;
    this.#isSorted = false;
  }

  *[Symbol.iterator]() {
    this.#sort();
    for (let at = 0; at < this.#used; at += this.#width) {
      const sizeAt = at + this.#digestBytes;
      const hex = this.#bytes.toString('hex', at, sizeAt);
      const size = this.#bytes.readUIntBE(sizeAt, SIZE_BYTES);
      const isSha256 = this.#digestBytes === SHA256_BYTES;
      const sha256 = isSha256 ? hex : this.#bytes.toString('hex', sizeAt + SIZE_BYTES, at + this.#width);
      yield { hex, size, sha256 };
    }
  }

  /** What is there twice goes first: so there is never more than twice the room that is needed. */
  #makeRoom(): void {
    this.#sort();
    if (this.#used <= this.#bytes.length / 2) return;
    const larger = Buffer.alloc(this.#bytes.length * 2);
    this.#bytes.copy(larger, 0, 0, this.#used);
    this.#bytes = larger;
  }

  #sort(): void {
    if (this.#isSorted) return;
    const records: string[] = [];
    for (let at = 0; at < this.#used; at += this.#width)
      records.push(this.#bytes.toString('latin1', at, at + this.#width));
    this.#used = 0;
    let former = '';
    for (const record of records.toSorted()) {
      const digest = record.slice(0, this.#digestBytes);
      if (digest === former) continue;
      former = digest;
      this.#used += this.#bytes.write(record, this.#used, 'latin1');
    }
    this.#isSorted = true;
  }
}
