import { isKnownToClient, notModifiedHeaders } from './conditional.ts';

test.each([
  ['"a"', true],
  ['W/"a"', true],
  ['"b", "a"', true],
  ['"b",W/"a" ', true],
  ['*', true],
  [' * ', true],
  ['"b"', false],
  ['a', false],
  ['', false],
])('If-None-Match %p and the ETag "a": %p', (header, known) => {
  expect(isKnownToClient(header, '"a"')).toBe(known);
});

test('a 304 has the headers of the 200, but for those of the body', () => {
  expect(
    notModifiedHeaders([
      'Content-Type',
      'text/plain',
      'ETag',
      '"a"',
      'X-Accel-Redirect',
      '/content/a',
      'Content-Length',
      '3',
      'Cache-Control',
      'x',
    ]),
  ).toEqual(['ETag', '"a"', 'Cache-Control', 'x']);
});
