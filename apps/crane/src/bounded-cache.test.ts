import * as fc from 'fast-check';
import { boundedCache } from './bounded-cache.ts';

interface Sized {
  readonly sizeBytes: number;
}
const sized = (sizeBytes: number): Sized => ({ sizeBytes });
const cacheOf = (maxBytes: number) => boundedCache<Sized>(maxBytes, (value) => value.sizeBytes);

test('what is asked for stays, what is not goes first', () => {
  const cache = cacheOf(3);
  for (const key of ['a', 'b', 'c']) cache.set(key, sized(1));
  expect(cache.get('a')).toEqual(sized(1));
  cache.set('d', sized(1));
  expect(['a', 'b', 'c', 'd'].filter((key) => cache.get(key) !== undefined)).toEqual(['a', 'c', 'd']);
});

test('a value that grows pushes others out, and one that is larger than all the room is kept alone', () => {
  const cache = cacheOf(3);
  for (const key of ['a', 'b', 'c']) cache.set(key, sized(1));
  cache.set('c', sized(2));
  expect(['a', 'b', 'c'].filter((key) => cache.get(key) !== undefined)).toEqual(['b', 'c']);
  cache.set('large', sized(10));
  expect(['b', 'c', 'large'].filter((key) => cache.get(key) !== undefined)).toEqual(['large']);
  cache.delete('large');
  cache.delete('absent');
  cache.set('e', sized(3));
  expect(cache.get('large')).toBeUndefined();
  expect(cache.get('e')).toEqual(sized(3));
});

test('whatever happens, it holds what was put in last, and never more than fits', () => {
  const key = fc.constantFrom('a', 'b', 'c', 'd', 'e', '__proto__');
  const step = fc.oneof(
    fc.record({ op: fc.constant('set' as const), key, size: fc.integer({ min: 0, max: 5 }) }),
    fc.record({ op: fc.constantFrom('get' as const, 'delete' as const), key }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const cache = cacheOf(8);
      const model = new Map<string, Sized>();
      for (const { op, key: name, ...rest } of steps) {
        if (op === 'get') cache.get(name);
        if (op === 'delete') {
          cache.delete(name);
          model.delete(name);
        }
        if (op === 'set') {
          const value = sized('size' in rest ? rest.size : 0);
          cache.set(name, value);
          model.set(name, value);
        }
        const last = op === 'set' ? cache.get(name) : undefined;
        expect(last).toBe(op === 'set' ? model.get(name) : undefined);
        const held = [...model.keys()].filter((candidate) => cache.get(candidate) !== undefined);
        for (const candidate of held) expect(cache.get(candidate)).toBe(model.get(candidate));
        const total = held.reduce((sum, candidate) => sum + (model.get(candidate)?.sizeBytes ?? 0), 0);
        expect(total).toBeLessThanOrEqual(8);
      }
    }),
  );
});
