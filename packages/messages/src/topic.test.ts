import * as fc from 'fast-check';
import { matchesTopic } from './topic.ts';

test('a name matches itself and nothing else', () => {
  expect(matchesTopic('promotion.done', 'promotion.done')).toBe(true);
  expect(matchesTopic('promotion.done', 'promotion.failed')).toBe(false);
  expect(matchesTopic('promotion.done', 'promotion')).toBe(false);
  expect(matchesTopic('promotion', 'promotion.done')).toBe(false);
});

test('* is one word, # any number of them', () => {
  expect(matchesTopic('promotion.*', 'promotion.done')).toBe(true);
  expect(matchesTopic('promotion.*', 'promotion')).toBe(false);
  expect(matchesTopic('*.*', 'promotion.done.twice')).toBe(false);
  expect(matchesTopic('#', 'promotion.done')).toBe(true);
  expect(matchesTopic('promotion.#', 'promotion')).toBe(true);
  expect(matchesTopic('#.done', 'promotion.of.many.done')).toBe(true);
  expect(matchesTopic('#.done', 'promotion.of.many.failed')).toBe(false);
});

test('it agrees with the same pattern as a regular expression', () => {
  const word = fc.constantFrom('a', 'b', 'c');
  const key = fc.array(word, { minLength: 1, maxLength: 5 });
  const pattern = fc.array(fc.oneof(word, fc.constantFrom('*', '#')), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(pattern, key, (parts, words) => {
      const anyOf = new Map([
        ['*', '\\.[abc]'],
        ['#', '(\\.[abc])*'],
      ]);
      const source = parts.map((part) => anyOf.get(part) ?? `\\.${part}`).join('');
      const expected = new RegExp(`^${source}$`).test(`.${words.join('.')}`);
      expect(matchesTopic(parts.join('.'), words.join('.'))).toBe(expected);
    }),
    { numRuns: 500 },
  );
});
