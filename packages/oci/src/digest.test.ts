import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import {
  DIGEST_ALGORITHMS,
  digestOf,
  hasherFor,
  isDigest,
  parseDigest,
  printable,
  quote,
  splitDigest,
} from './digest.ts';
import { faultOf } from './fault-of.ts';

describe('A digest', () => {
  test('of known bytes is the known one', () => {
    expect(digestOf('')).toBe('sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    expect(digestOf('abc', 'sha512')).toBe(
      'sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a' +
        '2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
    );
  });

  test('is the same whether its bytes come at once or stream by, and has two halves', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 5 }),
        fc.constantFrom('sha256' as const, 'sha512' as const),
        (chunks, algorithm) => {
          const digest = digestOf(Buffer.concat(chunks), algorithm);
          const hasher = hasherFor(digest);
          for (const chunk of chunks) hasher.update(chunk);
          const hex = hasher.digest('hex');
          expect(splitDigest(parseDigest(digest))).toEqual({ algorithm, hex });
          expect(hex).toHaveLength(DIGEST_ALGORITHMS[algorithm]);
          expect(hex).toBe(createHash(algorithm).update(Buffer.concat(chunks)).digest('hex'));
        },
      ),
    );
  });

  test.each([
    '',
    'sha256:',
    `sha256:${'a'.repeat(63)}`,
    `sha256:${'a'.repeat(65)}`,
    `sha256:${'A'.repeat(64)}`,
    `sha256:${'g'.repeat(64)}`,
    `sha512:${'a'.repeat(64)}`,
    `sha1:${'a'.repeat(40)}`,
    `SHA256:${'a'.repeat(64)}`,
    `sha256:${'a'.repeat(64)}\n`,
    ` sha256:${'a'.repeat(64)}`,
    `sha256-${'a'.repeat(64)}`,
    `sha256:../../${'a'.repeat(58)}`,
    '__proto__:a',
  ])('%j is none, and is refused by name', (text) => {
    expect(isDigest(text)).toBe(false);
    expect(() => parseDigest(text)).toThrow(
      expect.objectContaining({
        code: 'DIGEST_INVALID',
        message: expect.stringContaining(quote(text)) as string,
      }) as Error,
    );
  });

  test('is parsed or refused with a fault, whatever comes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        expect(faultOf(() => parseDigest(text))?.code).toBe(isDigest(text) ? undefined : 'DIGEST_INVALID');
      }),
    );
  });
});

describe('A quoted name', () => {
  test('is one printable line that is not long, whatever was in it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 2000 }), (text) => {
        expect(quote(text)).toMatch(/^"[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]*"$/u);
        expect(quote(text).length).toBeLessThan(200 * 8 + 10);
      }),
    );
  });

  test('shows what would steer a terminal or turn text round', () => {
    expect(quote('a\u001b[2Jb\nc')).toBe(String.raw`"a\u001b[2Jb\nc"`);
    expect(quote('a\u009b2Jb\u202Ec\u2028d')).toBe(String.raw`"a\u{9b}2Jb\u{202e}c\u{2028}d"`);
    expect(printable('a\u001b[2Jb\nc')).toBe(String.raw`a\u{1b}[2Jb\u{a}c`);
    expect(quote('Grüße 🚀')).toBe('"Grüße 🚀"');
  });
});
