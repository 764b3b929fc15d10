/** A cache bounded by the memory that its values take. */
export interface BoundedCache<V extends object> {
  get(key: string): V | undefined;
  /** Puts a value in, and drops others until all fit. One that takes more than the whole room is kept alone. */
  set(key: string, value: V): void;
  delete(key: string): void;
}

interface Slot<V> {
  value: V;
  sizeBytes: number;
  /** Whether the value was asked for since it was put in or last passed over. */
  used: boolean;
}

/**
 * Drops what was not asked for lately, by the second-chance rule: a hit sets a flag and moves nothing, so that it costs
 * no more than the look-up.
 */
export function boundedCache<V extends object>(
  maxBytes: number,
  sizeOf: (value: V) => number,
): BoundedCache<V> {
  const slots = new Map<string, Slot<V>>(); // in the order in which they are to be looked at
  let totalBytes = 0;

  const drop = (key: string) => {
    totalBytes -= slots.get(key)?.sizeBytes ?? 0;
    slots.delete(key);
  };

  const makeRoom = (spared: string) => {
    for (const [key, slot] of slots) {
      if (totalBytes <= maxBytes || slots.size === 1) return;
      if (slot.used || key === spared) {
        slot.used = false;
        slots.delete(key);
        slots.set(key, slot); // the iteration comes to it again
      } else drop(key);
    }
  };

  return {
    get(key) {
      const slot = slots.get(key);
      if (slot === undefined) return undefined;
      slot.used = true;
      return slot.value;
    },
    set(key, value) {
      const former = slots.get(key);
      const sizeBytes = sizeOf(value);
      totalBytes += sizeBytes - (former?.sizeBytes ?? 0);
      if (former === undefined) slots.set(key, { value, sizeBytes, used: false });
      else Object.assign(former, { value, sizeBytes });
      if (totalBytes > maxBytes) makeRoom(key);
    },
    delete: drop,
  };
}
