import * as fc from 'fast-check';
import { documentCache } from './document-cache.ts';

describe('the cache of documents', () => {
  test('gives what was put in, or nothing, and holds no more than it has room for', () => {
    const step = fc.record({
      put: fc.boolean(),
      key: fc.integer({ min: 0, max: 30 }).map(String),
      size: fc.integer({ min: 0, max: 60 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const cache = documentCache(100);
        const sizes = new Map<string, number>();
        const found: boolean[] = [];
        for (const { put, key, size } of steps) {
          if (put && !sizes.has(key)) sizes.set(key, size);
          const known = sizes.get(key);
          if (put && known !== undefined) cache.set(key, `value of ${key}`, known);
          found.push([undefined, `value of ${key}`].includes(cache.get(key) as string | undefined));
        }
        expect(found).not.toContain(false);
        const held = [...sizes].filter(([key]) => cache.get(key) !== undefined);
        expect(held.reduce((total, [, size]) => total + size, 0)).toBeLessThanOrEqual(100);
      }),
    );
  });

  test('keeps what is asked for while other things come and go', () => {
    const cache = documentCache(100);
    cache.set('wanted', 1, 10);
    for (let at = 0; at < 1000; at++) {
      cache.set(String(at), at, 10);
      expect(cache.get('wanted')).toBe(1);
    }
    expect(cache.get('0')).toBeUndefined();
  });

  test('does not push out everything for one that is too large', () => {
    const cache = documentCache(100);
    cache.set('small', 1, 10);
    cache.set('large', 2, 90);
    expect(cache.get('small')).toBe(1);
    expect(cache.get('large')).toBeUndefined();
  });
});
