import * as fc from 'fast-check';
import { parseRange } from './byte-range.ts';

test.each([
  [undefined, undefined],
  ['', undefined],
  ['bytes=0-0', { first: 0, last: 0 }],
  ['bytes=0-', { first: 0, last: 99 }],
  ['bytes=10-19', { first: 10, last: 19 }],
  ['BYTES= 10-19 ', { first: 10, last: 19 }],
  ['bytes=90-1000', { first: 90, last: 99 }],
  ['bytes=-10', { first: 90, last: 99 }],
  ['bytes=-1000', { first: 0, last: 99 }],
  ['bytes=100-', 'unsatisfiable'],
  ['bytes=100-200', 'unsatisfiable'],
  ['bytes=-0', 'unsatisfiable'],
  ['bytes=5-4', undefined],
  ['bytes=-', undefined],
  ['bytes=0-1,5-6', undefined],
  ['bytes=a-b', undefined],
  ['chunks=0-1', undefined],
])('of 100 bytes, %p is %p', (header, range) => {
  expect(parseRange(header, 100)).toEqual(range);
});

test('of nothing there is no range', () => {
  expect(parseRange('bytes=0-', 0)).toBe('unsatisfiable');
  expect(parseRange('bytes=-5', 0)).toBe('unsatisfiable');
});

test('a range lies within the bytes, whatever is asked for', () => {
  fc.assert(
    fc.property(fc.string(), fc.nat(), fc.nat(), fc.nat({ max: 1000 }), (text, from, to, sizeBytes) => {
      for (const header of [text, `bytes=${text}`, `bytes=${from}-${to}`, `bytes=-${to}`, `bytes=${from}-`]) {
        const range = parseRange(header, sizeBytes);
        const { first, last } = typeof range === 'object' ? range : { first: 0, last: 0 };
        expect({
          header,
          first,
          last,
          fits: first >= 0 && first <= last && last < Math.max(1, sizeBytes),
        }).toMatchObject({
          fits: true,
        });
      }
    }),
  );
});
