import { isCallerName } from './caller-name.ts';

test.each([
  'ada',
  'Ada.Lovelace@example.org',
  'repo:example/app:ref:refs/heads/main',
  '漢字',
  '🚢'.repeat(256),
])('%.20s is a name', (text) => {
  expect(isCallerName(text)).toBe(true);
});

test.each([
  ['', 'nothing'],
  ['a b', 'a blank'],
  ['a\u00a0b', 'a blank that does not break'],
  ['a\n', 'a line break'],
  ['a\u2028', 'a line separator'],
  ['ada\u200b', 'what has no width'],
  ['ada\u{e0041}', 'a tag character'],
  ['\u202eada', 'what turns the writing round'],
  ['a\u0085', 'a control character'],
  ['a\ud800', 'half a character'],
  ['a'.repeat(257), 'too much'],
])('%j is none: %s', (text) => {
  expect(isCallerName(text)).toBe(false);
});

test.each([undefined, null, 1, ['a'], {}])('%j is none', (value) => {
  expect(isCallerName(value)).toBe(false);
});
