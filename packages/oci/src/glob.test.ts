import { Fault } from './faults.ts';
import { assert, property, stringMatching } from 'fast-check';
import { globMatcher, isGlob } from './glob.ts';

describe('a glob', () => {
  test.each([
    ['v*', 'v1.2', true],
    ['v*', 'w1', false],
    ['candidate/**', 'candidate/a/b', true],
    ['candidate/*', 'candidate/a/b', false],
    ['candidate/*', 'candidate/a', true],
    ['**/web', 'web', true],
    ['**/web', 'a/b/web', true],
    ['**/web', 'a/myweb', false],
    ['v1.?', 'v1.2', true],
    ['v1.?', 'v1x2', false],
    ['[ab]*', 'beta', true],
    ['[!ab]*', 'beta', false],
    ['{rc,beta}-*', 'beta-1', true],
    ['{rc,beta}-*', 'alpha-1', false],
    ['a.b', 'axb', false],
  ])('%s and the name %s: %s', (glob, name, expected) => {
    expect(globMatcher(glob)(name)).toBe(expected);
  });

  test.each(['[abc', '{a,b'])('%s is refused, as it is not closed', (glob) => {
    expect(() => globMatcher(glob)).toThrow(Fault);
  });

  test('is anything with a wildcard in it', () => {
    expect(['a*', 'a?', '[a]', '{a}'].every(isGlob)).toBe(true);
    expect(isGlob('candidate/web_1.x-y')).toBe(false);
  });

  test('without wildcards takes just its own name', () => {
    const name = stringMatching(/^[a-z0-9._/-]{1,40}$/);
    assert(
      property(name, name, (glob, other) => {
        expect(globMatcher(glob)(other)).toBe(glob === other);
      }),
    );
  });

  test('that would make a backtracking engine hang is answered at once', () => {
    expect(globMatcher('*a'.repeat(40))('a'.repeat(120) + 'b')).toBe(false);
  });
});
