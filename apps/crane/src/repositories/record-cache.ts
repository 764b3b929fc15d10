import { fnv1a } from '../fnv1a.ts';
import { putWord, WORD_BYTES, wordAt } from './bytes.ts';

/** Where a record lies until the next one is put in: then these bytes may be another's. */
export interface Place {
  readonly bytes: Buffer;
  readonly at: number;
}

/** Records of bytes by short ASCII keys, in bounded memory. */
export interface RecordCache {
  get(key: string): Place | undefined;
  /** Puts a copy of the record in, given in pieces, and drops others until all fit. One that takes more than all the room is kept alone. */
  set(key: string, ...pieces: readonly Uint8Array[]): Place;
  delete(key: string): void;
}

/** One large buffer, filled from its beginning. */
interface Slab {
  readonly bytes: Buffer;
  filled: number;
}

const SLAB_BYTES = 2 * 1024 * 1024;
/** Records begin at multiples of this, so that slab and place fit into 31 bits, which V8 keeps without a box. */
const ALIGNMENT = 8;
const PLACE_BITS = 18;
const MAX_SLABS = 2 ** (31 - PLACE_BITS) - 1;

// What stands before each record: how many bytes both take, whether it was asked for, the key's length, and the key.
const USED_AT = WORD_BYTES;
const KEY_LENGTH_AT = WORD_BYTES + 1;
const KEY_AT = WORD_BYTES + 2;

/**
 * Keeps records side by side in a few large buffers: in a cache of many thousands most time goes into waiting for memory,
 * and so a hit touches the index, the record's own bytes, and nothing else. When there is no room the oldest buffer goes;
 * what was asked for while it lay there is moved to the newest.
 *
 * Keys are hashed here: a Map of strings has V8 enter each key that was just cut out of a request into its table of all
 * strings, which takes longer than all the rest. A buffer is filled anew: V8 collects what lies
 * outside of its heap late, so that those that were left to it came to 40 MB. Two keys of one hash take each other's place; of 100,000 keys that is
 * about one pair.
 */
export function recordCache(maxBytes: number): RecordCache {
  const index = new Map<number, number>(); // hash of the key to slab and place
  const slabs: (Slab | undefined)[] = [];
  const order: number[] = []; // slab numbers, the oldest first
  let spare: Buffer | undefined;
  let totalBytes = 0;

  const find = (key: string): { slab: Slab; at: number } | undefined => {
    const location = index.get(hashOf(key));
    if (location === undefined) return undefined;
    const slab = slabs[location >>> PLACE_BITS] as Slab;
    const at = (location & (2 ** PLACE_BITS - 1)) * ALIGNMENT;
    return holdsKey(slab.bytes, at, key) ? { slab, at } : undefined;
  };

  const openSlab = (sizeBytes: number): void => {
    const free = slabs.indexOf(undefined);
    const number = free < 0 ? slabs.length : free;
    const isUsual = sizeBytes <= SLAB_BYTES;
    const bytes = (isUsual && spare) || Buffer.allocUnsafeSlow(isUsual ? SLAB_BYTES : sizeBytes);
    if (isUsual) spare = undefined;
    slabs[number] = { bytes, filled: 0 };
    order.push(number);
    totalBytes += bytes.length;
  };

  /** Makes room for so many bytes, key and all, in the newest slab. */
  const append = (hash: number, length: number): { slab: Slab; at: number } => {
    const newest = slabs[order.at(-1) ?? -1];
    if (newest === undefined || newest.filled + length > newest.bytes.length) openSlab(length);
    const number = order.at(-1) as number;
    const slab = slabs[number] as Slab;
    const at = slab.filled;
    slab.filled = Math.ceil((at + length) / ALIGNMENT) * ALIGNMENT;
    index.set(hash, number * 2 ** PLACE_BITS + at / ALIGNMENT);
    return { slab, at };
  };

  /** Gives up the oldest slab. */
  const dropOldest = (): void => {
    const number = order.shift() as number;
    const { bytes, filled } = slabs[number] as Slab;
    slabs[number] = undefined;
    totalBytes -= bytes.length;
    const moved: { hash: number; whole: Buffer }[] = [];
    for (let at = 0; at < filled;) {
      const length = wordAt(bytes, at);
      const hash = hashOf(keyAt(bytes, at));
      if (index.get(hash) === number * 2 ** PLACE_BITS + at / ALIGNMENT) {
        index.delete(hash);
        if (bytes[at + USED_AT] === 1) moved.push({ hash, whole: bytes.subarray(at, at + length) });
      }
      at = Math.ceil((at + length) / ALIGNMENT) * ALIGNMENT;
    }
    for (const { hash, whole } of moved) {
      const { slab, at } = append(hash, whole.length);
      slab.bytes.set(whole, at);
      slab.bytes[at + USED_AT] = 0; // the next time it has to have been asked for again
    }
    if (bytes.length === SLAB_BYTES) spare = bytes;
  };

  const makeRoom = (): void => {
    const isTooMuch = () => totalBytes > maxBytes || order.length > MAX_SLABS;
    while (isTooMuch() && order.length > 1) dropOldest();
  };

  return {
    get(key) {
      const found = find(key);
      if (found === undefined) return undefined;
      const { slab, at } = found;
      slab.bytes[at + USED_AT] = 1;
      return { bytes: slab.bytes, at: at + headerBytes(key) };
    },
    set(key, ...pieces) {
      const length = pieces.reduce((total, piece) => total + piece.length, headerBytes(key));
      const {
        slab: { bytes },
        at: start,
      } = append(hashOf(key), length);
      putWord(bytes, start, length);
      bytes[start + USED_AT] = 1; // so that it is moved, should its own slab be given up to make room for it
      bytes[start + KEY_LENGTH_AT] = bytes.write(key, start + KEY_AT, 'latin1');
      let end = start + headerBytes(key);
      for (const piece of pieces) {
        bytes.set(piece, end);
        end += piece.length;
      }
      makeRoom();
      const { slab, at } = find(key) as { slab: Slab; at: number };
      slab.bytes[at + USED_AT] = 0;
      return { bytes: slab.bytes, at: at + headerBytes(key) };
    },
    delete(key) {
      if (find(key) !== undefined) index.delete(hashOf(key));
    },
  };
}

function headerBytes(key: string): number {
  return KEY_AT + key.length;
}

function keyAt(bytes: Buffer, at: number): string {
  return bytes.toString('latin1', at + KEY_AT, at + KEY_AT + (bytes[at + KEY_LENGTH_AT] as number));
}

function holdsKey(bytes: Buffer, at: number, key: string): boolean {
  if (bytes[at + KEY_LENGTH_AT] !== key.length) return false;
  for (let index = 0; index < key.length; index++) {
    if (bytes[at + KEY_AT + index] !== key.charCodeAt(index)) return false;
  }
  return true;
}

/** As a signed 32-bit number: what V8 keeps without a box. */
function hashOf(key: string): number {
  return fnv1a(key) | 0;
}
