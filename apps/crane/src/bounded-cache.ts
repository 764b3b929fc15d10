/** What a cache needs to know of a value. */
export interface Cacheable {
  readonly key: string;
  /** The memory that the value takes, about. */
  readonly sizeBytes: number;
  /** Whether the value was asked for since it was put in or last passed over; the cache writes it. */
  used: boolean;
}

/** A cache bounded by the memory that its values take. */
export interface BoundedCache<V extends Cacheable> {
  get(key: string): V | undefined;
  /** Puts a value in, and drops others until all fit. One that takes more than the whole room is kept alone. */
  set(value: V): void;
  delete(key: string): void;
}

/**
 * Drops what was not asked for lately, by the second-chance rule: a hit sets a flag and moves nothing.
 *
 * Keys are hashed here: a Map of strings has V8 enter each key that was just cut out of a request into its table of all
 * strings, which takes longer than all the rest. Two keys of one hash take each other's place; of 100,000 keys that is
 * one pair.
 */
export function boundedCache<V extends Cacheable>(maxBytes: number): BoundedCache<V> {
  const values = new Map<number, V>(); // in the order in which they are to be looked at
  let totalBytes = 0;

  const drop = (hash: number, value: V) => {
    totalBytes -= value.sizeBytes;
    values.delete(hash);
  };

  const makeRoom = (spared: V) => {
    for (const [hash, value] of values) {
      if (totalBytes <= maxBytes || values.size === 1) return;
      if (value.used || value === spared) {
        value.used = false;
        values.delete(hash);
        values.set(hash, value); // the iteration comes to it again
      } else drop(hash, value);
    }
  };

  return {
    get(key) {
      const value = values.get(hashOf(key));
      if (value === undefined || value.key !== key) return undefined;
      value.used = true;
      return value;
    },
    set(value) {
      const hash = hashOf(value.key);
      totalBytes += value.sizeBytes - (values.get(hash)?.sizeBytes ?? 0);
      values.set(hash, value);
      if (totalBytes > maxBytes) makeRoom(value);
    },
    delete(key) {
      const hash = hashOf(key);
      const value = values.get(hash);
      if (value?.key === key) drop(hash, value);
    },
  };
}

/** FNV-1a, as a signed 32-bit number: what V8 keeps without a box. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  return hash | 0;
}
