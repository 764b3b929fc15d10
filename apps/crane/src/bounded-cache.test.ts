import * as fc from 'fast-check';
import { boundedCache, type Cacheable } from './bounded-cache.ts';

const sized = (key: string, sizeBytes: number): Cacheable => ({ key, sizeBytes, used: false });

/** Two keys of one hash. */
const [TWIN, OTHER_TWIN] = ['costarring', 'liquid'];

test('what is asked for stays, what is not goes first', () => {
  const cache = boundedCache<Cacheable>(3);
  for (const key of ['a', 'b', 'c']) cache.set(sized(key, 1));
  expect(cache.get('a')?.sizeBytes).toBe(1);
  cache.set(sized('d', 1));
  expect(['a', 'b', 'c', 'd'].filter((key) => cache.get(key) !== undefined)).toEqual(['a', 'c', 'd']);
});

test('a value that grows pushes others out, and one that is larger than all the room is kept alone', () => {
  const cache = boundedCache<Cacheable>(3);
  for (const key of ['a', 'b', 'c']) cache.set(sized(key, 1));
  cache.set(sized('c', 2));
  expect(['a', 'b', 'c'].filter((key) => cache.get(key) !== undefined)).toEqual(['b', 'c']);
  cache.set(sized('large', 10));
  expect(['b', 'c', 'large'].filter((key) => cache.get(key) !== undefined)).toEqual(['large']);
  cache.delete('large');
  cache.delete('absent');
  cache.set(sized('e', 3));
  expect(cache.get('large')).toBeUndefined();
  expect(cache.get('e')?.sizeBytes).toBe(3);
});

test('whatever happens, it holds what was put in last, and never more than fits', () => {
  const key = fc.constantFrom('a', 'b', 'c', TWIN, OTHER_TWIN, '__proto__');
  const step = fc.oneof(
    fc.record({ op: fc.constant('set' as const), key, size: fc.integer({ min: 0, max: 5 }) }),
    fc.record({ op: fc.constantFrom('get' as const, 'delete' as const), key }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const cache = boundedCache<Cacheable>(8);
      const model = new Map<string, Cacheable>();
      for (const { op, key: name, ...rest } of steps) {
        if (op === 'get') cache.get(name);
        if (op === 'delete') {
          cache.delete(name);
          model.delete(name);
        }
        if (op === 'set') {
          const value = sized(name, 'size' in rest ? rest.size : 0);
          cache.set(value);
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

test('keys of one hash are told apart', () => {
  const cache = boundedCache<Cacheable>(10);
  cache.set(sized(TWIN, 1));
  expect(cache.get(OTHER_TWIN)).toBeUndefined();
  cache.delete(OTHER_TWIN);
  expect(cache.get(TWIN)?.key).toBe(TWIN);
  cache.set(sized(OTHER_TWIN, 2));
  expect([cache.get(TWIN), cache.get(OTHER_TWIN)?.key]).toEqual([undefined, OTHER_TWIN]);
});
