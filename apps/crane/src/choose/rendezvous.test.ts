import { digestOf } from '@gantry/oci';
import { Pool, type Weighted } from './rendezvous.ts';

const DIGESTS = Array.from({ length: 20_000 }, (_, index) => digestOf(`blob ${index}`));
const all = () => true;

function members(count: number, weight: (index: number) => number = () => 100): Weighted[] {
  return Array.from({ length: count }, (_, index) => ({
    weight: weight(index),
    seed: Math.imul(index + 1, 0x9e3779b1) >>> 0,
  }));
}

function poolOf(weighted: readonly Weighted[], without: readonly number[] = []): Pool {
  return new Pool(
    weighted,
    [...weighted.keys()].filter((index) => !without.includes(index)),
  );
}

// A small pool works each choice out, a large one keeps them: both must behave alike.
describe.each([3, 40])('of %i members', (count) => {
  const weighted = members(count, (index) => (index === 0 ? 300 : 100));
  const pool = poolOf(weighted);

  test('the same one is chosen for the same digest, also by another process', () => {
    const again = poolOf(members(count, (index) => (index === 0 ? 300 : 100)));
    for (const digest of DIGESTS.slice(0, 500))
      expect(again.first(digest, all)).toBe(pool.first(digest, all));
  });

  test('each gets its share', () => {
    const chosen = Map.groupBy(DIGESTS, (digest) => pool.first(digest, all));
    const share = (member: number) => (chosen.get(member)?.length ?? 0) / DIGESTS.length;
    const one = 1 / (count + 2);
    expect(share(0) / (3 * one)).toBeGreaterThan(0.8);
    expect(share(0) / (3 * one)).toBeLessThan(1.2);
    for (const member of weighted.keys()) expect(share(member)).toBeGreaterThan(one / 2);
  });

  test('one that goes moves only what it had', () => {
    const less = poolOf(weighted, [1]);
    for (const digest of DIGESTS.slice(0, 2000))
      expect(less.first(digest, all)).toBe(pool.first(digest, (member) => member !== 1));
  });

  test('who is not admitted is passed over, and with nobody left there is none', () => {
    for (const digest of DIGESTS.slice(0, 500)) {
      const [first, second] = pool.order(digest);
      expect(pool.first(digest, (member) => member !== first)).toBe(second);
      expect(pool.first(digest, (member) => member === count - 1)).toBe(count - 1);
      expect(pool.first(digest, () => false)).toBe(-1);
    }
  });

  test('the order has every member once', () => {
    const order = pool.order(DIGESTS[0] as (typeof DIGESTS)[number]);
    expect(order.toSorted((a, b) => a - b)).toEqual([...weighted.keys()]);
  });
});
