import * as fc from 'fast-check';
import { type Digest, digestOf } from './digest.ts';
import { faultOf } from './fault-of.ts';
import {
  isRepositoryName,
  isTag,
  NAME_MAX_LENGTH,
  parseReference,
  parseRepositoryName,
  parseTag,
  parseTagOrDigest,
  referrersTag,
  subjectOfCompanionTag,
} from './reference.ts';

const part = fc.stringMatching(/^[a-z0-9]{1,8}(?:(?:\.|_|__|-{1,3})[a-z0-9]{1,8}){0,2}$/);
const names = fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('/'));
const tags = fc.stringMatching(/^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/);
const digests = fc.tuple(fc.string(), fc.constantFrom('sha256' as const, 'sha512' as const));

describe('A reference', () => {
  test('of a repository and a tag or a digest is read as what it was made of', () => {
    fc.assert(
      fc.property(names, tags, digests, (repository, tag, [text, algorithm]) => {
        const digest = digestOf(text, algorithm);
        expect(parseReference(`${repository}:${tag}`)).toEqual({ repository, tag });
        expect(parseReference(`${repository}@${digest}`)).toEqual({ repository, digest });
        expect(parseTagOrDigest(tag)).toEqual({ tag });
        expect(parseTagOrDigest(digest)).toEqual({ digest });
      }),
    );
  });

  test('that is junk is refused with a printable fault and nothing else', () => {
    const character = fc.oneof(
      fc.constantFrom('a', '0', ':', '@', '/', '.', '-', '_', 'sha256:', '..', '\n', '\u009b'),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    );
    const junk = fc.array(character, { maxLength: 40 }).map((characters) => characters.join(''));
    fc.assert(
      fc.property(junk, (text) => {
        for (const parse of [parseReference, parseTagOrDigest, parseTag, parseRepositoryName]) {
          expect(faultOf(() => parse(text))?.message ?? '').not.toMatch(/\p{Cc}/u);
        }
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    ['app', 'TAG_INVALID'],
    ['app:', 'TAG_INVALID'],
    [':1', 'NAME_INVALID'],
    ['@', 'NAME_INVALID'],
    ['app@', 'DIGEST_INVALID'],
    ['app@sha256:123', 'DIGEST_INVALID'],
    ['App:1', 'NAME_INVALID'],
    ['host:5000/app', 'TAG_INVALID'],
    ['app:1:2', 'NAME_INVALID'],
    [`app:1@${digestOf('')}`, 'NAME_INVALID'],
    ['../app:1', 'NAME_INVALID'],
    ['a/../b:1', 'NAME_INVALID'],
    ['a//b:1', 'NAME_INVALID'],
    ['/a:1', 'NAME_INVALID'],
    ['a/:1', 'NAME_INVALID'],
    ['a..b:1', 'NAME_INVALID'],
    ['a___b:1', 'NAME_INVALID'],
    ['a:1\n', 'TAG_INVALID'],
  ])('%j is refused: %s', (text, code) => {
    expect(() => parseReference(text)).toThrow(expect.objectContaining({ code }) as Error);
  });
});

describe('A repository name', () => {
  test.each(['a', 'library/alpine', 'a.b_c__d-e---f/0', 'a/b/c/d/e/f/g', 'constructor'])(
    'may be %s',
    (name) => {
      expect(isRepositoryName(name)).toBe(true);
    },
  );

  test(`has ${NAME_MAX_LENGTH} characters at the most`, () => {
    expect(isRepositoryName('a'.repeat(NAME_MAX_LENGTH))).toBe(true);
    expect(isRepositoryName('a'.repeat(NAME_MAX_LENGTH + 1))).toBe(false);
    expect(() => parseRepositoryName('a'.repeat(100_000))).toThrow(/^.{0,600}$/);
  });

  test('that is made to be slow is refused like any other', () => {
    expect(isRepositoryName(`${'a-'.repeat(127)}/`)).toBe(false);
    expect(isRepositoryName(`${'-'.repeat(254)}a`)).toBe(false);
    expect(isRepositoryName(`a${'_'.repeat(254)}`)).toBe(false);
  });
});

describe('A tag', () => {
  test.each(['latest', '10', '1.0', '_', '__proto__', 'v1.2.3-rc.1', 'A'.repeat(128)])('may be %s', (tag) => {
    expect(isTag(tag)).toBe(true);
  });

  test.each(['', '.hidden', '-rf', 'a/b', 'a b', 'a:b', 'ä', '..', 'A'.repeat(129)])(
    'may not be %j',
    (tag) => {
      expect(isTag(tag)).toBe(false);
    },
  );
});

describe('A companion tag', () => {
  const subject = digestOf('subject');
  const hex = subject.slice('sha256:'.length);

  test('leads to its subject, the fallback of the specification and those of cosign', () => {
    expect(subjectOfCompanionTag(referrersTag(subject))).toBe(subject);
    for (const suffix of ['sig', 'att', 'sbom', 'new.kind']) {
      expect(subjectOfCompanionTag(`sha256-${hex}.${suffix}`)).toBe(subject);
    }
  });

  test.each([
    'latest',
    `sha256-${hex}x`,
    `sha256-${hex}.`,
    `sha256-${hex.slice(1)}`,
    `sha512-${hex}`,
    `x-sha256-${hex}`,
  ])('is not %s', (tag) => {
    expect(subjectOfCompanionTag(tag)).toBeUndefined();
  });

  test('of the specification holds 64 characters of the digest at the most, and is a tag', () => {
    const long: Digest = `sha512:${'a'.repeat(128)}`;
    expect(referrersTag(long)).toBe(`sha512-${'a'.repeat(64)}`);
    for (const digest of [subject, long]) expect(isTag(referrersTag(digest))).toBe(true);
  });
});
