/** A random sample of what is offered, of a bounded size, whatever is offered in all. */
export interface Reservoir<T> {
  readonly kept: readonly T[];
  offer(one: T): void;
}

/** @param random gives a number from 0 to 1, 1 excluded */
export function createReservoir<T>(size: number, random: () => number = Math.random): Reservoir<T> {
  const kept: T[] = [];
  let offered = 0;
  return {
    kept,
    offer(one) {
      offered++;
      const at = kept.length < size ? kept.length : Math.floor(random() * offered);
      if (at < size) kept[at] = one;
    },
  };
}
