import * as fc from 'fast-check';
import { cursorsOf, pageOf, rowsFor } from './page.ts';

const base64url = (text: string) => Buffer.from(text).toString('base64url');
const page = (rows: number[]) => pageOf(rows, 2, String, (last) => `after ${last}`);

test('a cursor gives back any key that it was made of', () => {
  const cursors = cursorsOf('things', ['string', 'number']);
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), fc.maxSafeInteger(), (name, place) => {
      const cursor = cursors.encode([name, place]);
      expect(cursor).toMatch(/^[A-Za-z0-9_-]+$/); // goes into a URL as it is
      expect(cursors.decode(cursor)).toEqual([name, place]);
    }),
  );
});

test('a text that is no cursor of the list is refused, whatever it is', () => {
  const cursors = cursorsOf('things', ['string', 'number']);
  const texts = fc.oneof(
    fc.string(),
    fc.base64String(),
    fc.string().map(base64url),
    fc.json().map(base64url),
    fc.tuple(fc.string(), fc.double()).map((key) => base64url(JSON.stringify(['things', ...key, 1]))),
    fc.tuple(fc.string(), fc.string()).map((key) => base64url(JSON.stringify(['things', ...key]))),
    fc
      .tuple(fc.string(), fc.maxSafeInteger())
      .map((key) => cursorsOf('others', ['string', 'number']).encode(key)),
  );
  fc.assert(
    fc.property(texts, (text) => {
      expect(() => cursors.decode(text)).toThrow(expect.objectContaining({ code: 'REQUEST_INVALID' }));
    }),
  );
});

test('a page names a next one only when there is more', () => {
  expect(rowsFor(2)).toBe(3);
  expect(page([])).toEqual({ items: [], next: null });
  expect(page([1, 2])).toEqual({ items: ['1', '2'], next: null });
  expect(page([1, 2, 3])).toEqual({ items: ['1', '2'], next: 'after 2' });
});
