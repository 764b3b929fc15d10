import { Fault } from '@gantry/oci';
import { assert, property, stringMatching } from 'fast-check';
import { compileTagRules, type TagRules } from './tag-rules.ts';
import { versionOf } from './version.ts';

const taken = (rules: TagRules, ...tags: string[]) => {
  const selection = compileTagRules(rules);
  const byName = tags.filter((tag) => selection.judge(tag).take);
  const byVersion = selection.byVersion(byName);
  return byName.filter((tag) => byVersion.get(tag)?.take !== false);
};

describe('rules for tags', () => {
  test.each<[string, TagRules, string[], string[]]>([
    ['none', {}, ['a', '1'], ['a', '1']],
    ['a name', { include: ['latest'] }, ['latest', 'latest1'], ['latest']],
    ['a glob', { include: ['v*'] }, ['v1', 'w1'], ['v1']],
    ['a regular expression, for the whole tag', { include: ['/v[0-9]+/'] }, ['v1', 'v1x', 'xv1'], ['v1']],
    ['exclude over include', { include: ['v*'], exclude: ['/.*-rc[0-9]*/'] }, ['v1', 'v1-rc2'], ['v1']],
    [
      'a range',
      { semver: '>=1.2 <2' },
      ['v1.2', '1.2.3', '1.1', '2.0', 'latest', '1.3.0-rc1'],
      ['v1.2', '1.2.3'],
    ],
    [
      'a range with pre-releases',
      { semver: '>=1.2.0 <2.0.0-0', prereleases: true },
      ['1.2', '1.2.0-rc1', '1.3.0-rc1', '2.0.0-rc1', '2.0'],
      ['1.2', '1.3.0-rc1'],
    ],
    [
      'one set or another',
      { include: ['v*'], exclude: ['*-rc'], or: [{ include: ['latest'] }, { semver: '>=3' }], latest: 3 },
      ['v1', 'v2-rc', 'v3', 'latest', '2.9', '3.1', '4'],
      ['v3', '3.1', '4'],
    ],
    ['latest by version', { latest: 2 }, ['1.9', '1.10', '1.2', 'nightly'], ['1.9', '1.10']],
    [
      'all together',
      { include: ['v*'], exclude: ['v1.5'], semver: '^1', latest: 1 },
      ['v1.4', 'v1.5', 'v2', '1.4.9'],
      ['v1.4'],
    ],
  ])('%s', (_title, rules, tags, expected) => {
    expect(taken(rules, ...tags)).toEqual(expected);
  });

  test('say which of them decided', () => {
    const rules = compileTagRules({ include: ['v*'], exclude: ['*-dev'], semver: '>=1' });
    expect(['v1-dev', 'w', 'vx', 'v0.9', 'v1.1'].map((tag) => rules.judge(tag).rule)).toEqual([
      'tags.exclude *-dev',
      'no tags.include matches',
      'tags.semver: names no version',
      'tags.semver >=1',
      'tags.semver >=1',
    ]);
    const either = compileTagRules({ include: ['a'], or: [{ include: ['b'] }] });
    expect(['a', 'b', 'c'].map((tag) => either.judge(tag).rule)).toEqual([
      'tags.include a',
      'tags.or[0].include b',
      'no tags.include matches',
    ]);
  });

  test('by age leave what is older, or does not say, and keep the youngest', () => {
    const now = new Date('2026-11-21T00:00:00Z');
    const daysAgo = (days: number) => new Date(now.getTime() - days * 86_400_000);
    const selection = compileTagRules({ notOlderThanMs: 30 * 86_400_000, latest: 2, latestBy: 'created' });
    expect(selection.needsAge).toBe(true);
    const tags = [
      { tag: 'old', created: daysAgo(31) },
      { tag: 'unknown', created: undefined },
      { tag: 'a', created: daysAgo(3) },
      { tag: 'b', created: daysAgo(1) },
      { tag: 'c', created: daysAgo(2) },
    ];
    const verdicts = selection.byAge(tags, now);
    expect(tags.filter(({ tag }) => verdicts.get(tag)?.take !== false).map(({ tag }) => tag)).toEqual([
      'b',
      'c',
    ]);
  });

  test('that name every tag need no listing', () => {
    expect(compileTagRules({ include: ['1.0', 'latest'] }).names).toEqual(['1.0', 'latest']);
    expect(compileTagRules({ include: ['1.0', 'v*'] }).names).toBeUndefined();
    expect(compileTagRules({}).names).toBeUndefined();
    expect(compileTagRules({ include: ['a'], or: [{ include: ['b', 'a'] }] }).names).toEqual(['a', 'b']);
    expect(compileTagRules({ include: ['a'], or: [{ exclude: ['b'] }] }).names).toBeUndefined();
  });

  test.each<TagRules>([
    { include: ['/(/'] },
    { include: ['/(?=x)/'] },
    { semver: 'newest' },
    { exclude: ['[a'] },
  ])('%j is refused', (rules) => {
    expect(() => compileTagRules(rules)).toThrow(Fault);
  });

  test('take no time that a user could make long', () => {
    const rules = compileTagRules({ include: ['/(a+)+/', '/(a|a)*b/'] });
    expect(rules.judge(`${'a'.repeat(127)}!`).take).toBe(false);
  });
});

describe('a version in a tag', () => {
  test.each([
    ['1', '1.0.0'],
    ['v2.4', '2.4.0'],
    ['2.4.57', '2.4.57'],
    ['1.2.3-rc.1', '1.2.3-rc.1'],
    ['1.2.3_build5', '1.2.3'],
    ['007', '7.0.0'],
  ])('%s is %s', (tag, version) => {
    expect(versionOf(tag)?.version).toBe(version);
  });

  test.each(['latest', 'v', '1.2.3.4', '1.2.3-', '1.2.3-01', 'x1.2'])('%s is none', (tag) => {
    expect(versionOf(tag)).toBeUndefined();
  });

  test('never throws, whatever the tag', () => {
    assert(
      property(stringMatching(/^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/), (tag) => {
        expect(() => versionOf(tag)).not.toThrow();
      }),
    );
  });
});
