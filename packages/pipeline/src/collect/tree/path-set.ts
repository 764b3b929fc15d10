import { splitDigest } from '@gantry/oci';
import { parsePath } from '@gantry/tree';

const FIRST_SLOTS = 1024;
/** Slots are doubled when so much of them is taken. */
const MAX_LOAD = 0.6;

/**
 * Paths of the pool in eight bytes each, so that a million is no matter: 16 MiB. Two of the same 64 bits would count as
 * one, and then what is looked for is thought to be there: it stays in the pool, which does no harm.
 */
export class PathSet {
  /** Two words a slot; a slot of two zeros is free. */
  #slots = new Uint32Array(2 * FIRST_SLOTS);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** @returns whether it was not there before */
  add(path: string): boolean {
    if (this.#size + 1 > (this.#slots.length / 2) * MAX_LOAD) this.#grow();
    const [low, high] = fingerprint(path);
    const slot = find(this.#slots, low, high);
    if (isTaken(this.#slots, slot)) return false;
    this.#slots[slot] = low;
    this.#slots[slot + 1] = high;
    this.#size++;
    return true;
  }

  has(path: string): boolean {
    const [low, high] = fingerprint(path);
    return isTaken(this.#slots, find(this.#slots, low, high));
  }

  #grow(): void {
    const former = this.#slots;
    this.#slots = new Uint32Array(2 * former.length);
    for (let at = 0; at < former.length; at += 2) {
      if (!isTaken(former, at)) continue;
      const [low = 0, high = 0] = [former[at], former[at + 1]];
      const slot = find(this.#slots, low, high);
      this.#slots[slot] = low;
      this.#slots[slot + 1] = high;
    }
  }
}

/** Where the fingerprint is, or would be. */
function find(slots: Uint32Array, low: number, high: number): number {
  const last = slots.length - 2;
  // Of both words: digests that begin alike, as of somebody who has looked for them, must not come to lie together.
  const first = 2 * ((Math.imul(low, 0x9e3779b1) ^ Math.imul(high, 0x85ebca6b)) >>> 1);
  for (let at = first & last; ; at = (at + 2) & last) {
    if ((slots[at] === low && slots[at + 1] === high) || !isTaken(slots, at)) return at;
  }
}

function isTaken(slots: Uint32Array, at: number): boolean {
  return slots[at] !== 0 || slots[at + 1] !== 0;
}

/** Of the digest in the path, with what it names: one digest may be a blob's and a manifest's. */
function fingerprint(path: string): readonly [number, number] {
  const parsed = parsePath(path);
  if (parsed === undefined || !('digest' in parsed)) throw new TypeError(`${path} is no path of the pool`);
  const { hex } = splitDigest(parsed.digest);
  const what = parsed.type === 'manifest' ? parsed.kind : parsed.type;
  let salt = 0;
  for (let at = 0; at < what.length; at++) salt = Math.imul(salt, 31) + what.charCodeAt(at);
  const low = Number.parseInt(hex.slice(0, 8), 16);
  const high = Number.parseInt(hex.slice(8, 16), 16) ^ salt;
  return low === 0 && high >>> 0 === 0 ? [1, 0] : [low, high >>> 0];
}
