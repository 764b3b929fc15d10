import type { Digest } from '@gantry/oci';
import { hexWord } from '../repositories/bytes.ts';

/** What a member of a pool is chosen by. */
export interface Weighted {
  readonly weight: number;
  /** 32 bits that tell it from others. */
  readonly seed: number;
}

/** From so many members on the order for a digest is kept, not worked out at each request. */
const KEPT_FROM = 12;
/** How many of the first of an order are kept. When none of them will do, all are looked at. */
const KEPT = 8;
const SLOT_BITS = 16;
const NONE = 0xffff;

/**
 * Members of which one is chosen by weighted rendezvous hashing: the same digest goes to the same member, so that it lies in
 * few caches; each gets its weight's share; and one that comes or goes moves only its own share. Members that are equal
 * in all else are told apart by their seeds alone, so that any process makes the same choice.
 */
export class Pool {
  readonly members: readonly number[];
  readonly #weighted: readonly Weighted[];
  /** Of each slot of digests the first members; worked out on first use. */
  readonly #kept: Uint16Array | undefined;

  /** @param members indexes into `weighted` */
  constructor(weighted: readonly Weighted[], members: readonly number[]) {
    this.#weighted = weighted;
    this.members = members;
    if (members.length >= KEPT_FROM) this.#kept = new Uint16Array(KEPT * 2 ** SLOT_BITS).fill(NONE);
  }

  /** The first member for a digest that `admits` takes; -1 for none. */
  first(digest: Digest, admits: (member: number) => boolean): number {
    const [high, low] = wordsOf(digest);
    if (this.#kept === undefined) return this.#highest(high, low, admits);
    const at = this.#keptAt(high, this.#kept);
    for (let index = at; index < at + KEPT; index++) {
      const member = this.#kept[index] as number;
      if (admits(member)) return member;
    }
    return this.#highest(high, low, admits);
  }

  /** All members in their order for a digest. */
  order(digest: Digest): readonly number[] {
    const [high, low] = wordsOf(digest);
    const scores = new Map(this.members.map((member) => [member, this.#score(member, high, low)]));
    const byScore = [...scores].toSorted(([, a], [, b]) => b - a).map(([member]) => member);
    if (this.#kept === undefined) return byScore;
    const at = this.#keptAt(high, this.#kept);
    return [...new Set([...this.#kept.subarray(at, at + KEPT), ...byScore])];
  }

  /** Where the first members for a digest stand. */
  #keptAt(high: number, kept: Uint16Array): number {
    const slot = high >>> (32 - SLOT_BITS);
    if (kept[slot * KEPT] === NONE) this.#keep(slot, kept);
    return slot * KEPT;
  }

  #highest(high: number, low: number, admits: (member: number) => boolean): number {
    let best = -1;
    let bestScore = -1;
    for (const member of this.members) {
      if (!admits(member)) continue;
      const score = this.#score(member, high, low);
      if (score > bestScore) {
        best = member;
        bestScore = score;
      }
    }
    return best;
  }

  #keep(slot: number, kept: Uint16Array): void {
    const high = mix(slot);
    const order = this.members
      .map((member) => ({ member, score: this.#score(member, high, slot) }))
      .toSorted((a, b) => b.score - a.score);
    for (const [rank, { member }] of order.slice(0, KEPT).entries()) kept[slot * KEPT + rank] = member;
  }

  #score(member: number, high: number, low: number): number {
    const { weight, seed } = this.#weighted[member] as Weighted;
    return weight / -Math.log(uniform(high, low, seed));
  }
}

function wordsOf(digest: Digest): readonly [number, number] {
  const hexAt = digest.indexOf(':') + 1;
  return [hexWord(digest, hexAt), hexWord(digest, hexAt + 8)];
}

/** A number between 0 and 1, both excluded, that follows from a digest's first 64 bits and a member's seed. */
function uniform(high: number, low: number, seed: number): number {
  const first = mix(high ^ seed);
  const second = mix(low ^ Math.imul(seed, 0x9e3779b1) ^ first);
  return (first * 2 ** 20 + (second >>> 12) + 0.5) / 2 ** 52; // 52 bits, so that the half is exact and 1 is never reached
}

/** Spreads each bit over all 32 (the finalizer of MurmurHash3, which is in the public domain). */
function mix(value: number): number {
  let hash = value | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
