import * as fc from 'fast-check';
import { recordCache, type RecordCache } from './record-cache.ts';

const MIB = 1024 * 1024;
/** Two keys of one hash. */
const [TWIN, OTHER_TWIN] = ['costarring', 'liquid'];

/** The first bytes of a record; undefined if the cache does not have it. */
function read(cache: RecordCache, key: string, length: number): string | undefined {
  const place = cache.get(key);
  return place?.bytes.toString('latin1', place.at, place.at + length);
}

test('what is asked for stays, what is not goes first', () => {
  const cache = recordCache(4 * MIB);
  for (let round = 0; round < 60; round++) {
    cache.set(`record ${round}`, Buffer.alloc(MIB / 4, `${round % 10}`));
    expect(read(cache, 'record 0', 3)).toBe('000');
  }
  const held = Array.from({ length: 60 }, (_, index) => index).filter((index) =>
    read(cache, `record ${index}`, 1),
  );
  expect(held).toContain(59);
  expect(held).not.toContain(1);
  expect(held.length).toBeGreaterThanOrEqual(8);
  expect(held.length).toBeLessThan(20);
});

test('a record that is larger than all the room is kept alone', () => {
  const cache = recordCache(3 * MIB);
  cache.set('small', Buffer.from('small'));
  cache.set('large', Buffer.alloc(10 * MIB, 'x'));
  expect([read(cache, 'large', 3), cache.get('small')]).toEqual(['xxx', undefined]);
  cache.set('next', Buffer.from('next'));
  expect([read(cache, 'next', 4), cache.get('large')]).toEqual(['next', undefined]);
});

test('memory that was given up is filled anew', () => {
  const cache = recordCache(4 * MIB);
  const buffers = new Set<Buffer>();
  for (let round = 0; round < 200; round++) {
    if (round % 3 === 0) cache.get(`record ${round - 1}`);
    buffers.add(cache.set(`record ${round}`, Buffer.alloc(MIB / 2)).bytes);
  }
  expect(buffers.size).toBe(3);
});

test('keys of one hash are told apart, also those of one length', () => {
  const pair = recordCache(MIB);
  pair.set('declinate', Buffer.from('one'));
  expect(pair.get('macallums')).toBeUndefined();
  const cache = recordCache(MIB);
  cache.set(TWIN, Buffer.from('one'));
  expect(cache.get(OTHER_TWIN)).toBeUndefined();
  cache.delete(OTHER_TWIN);
  expect(read(cache, TWIN, 3)).toBe('one');
  cache.set(OTHER_TWIN, Buffer.from('two'));
  expect([cache.get(TWIN), read(cache, OTHER_TWIN, 3)]).toEqual([undefined, 'two']);
});

test('whatever happens, a record that is there is the one that was put in last', () => {
  const key = fc.constantFrom('a', 'b', 'c', TWIN, OTHER_TWIN, '__proto__', 'k'.repeat(255));
  const step = fc.oneof(
    fc.record({ op: fc.constant('set' as const), key, size: fc.integer({ min: 0, max: 700_000 }) }),
    fc.record({ op: fc.constantFrom('get' as const, 'delete' as const), key }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const cache = recordCache(5 * MIB);
      const model = new Map<string, string>();
      for (const [number, { op, key: name, ...rest }] of steps.entries()) {
        const mark = String(number).padStart(4, '0');
        if (op === 'delete') {
          cache.delete(name);
          model.delete(name);
        }
        if (op === 'set') {
          cache.set(name, Buffer.from(mark + 'x'.repeat('size' in rest ? rest.size : 0)));
          model.set(name, mark);
        }
        expect(read(cache, name, 4) ?? model.get(name)).toBe(model.get(name));
        expect(op === 'set' ? read(cache, name, 4) : mark).toBe(mark);
      }
    }),
    { numRuns: 50 },
  );
});
