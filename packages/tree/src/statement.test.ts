import { type Digest, digestOf, Fault } from '@gantry/oci';
import * as fc from 'fast-check';
import type { Statement } from './documents.ts';
import { decodeStatement, encodeStatement, judgeStatement, treeTime } from './statement.ts';

const A: Digest = `sha256:${'a'.repeat(64)}`;
const B: Digest = `sha256:${'b'.repeat(64)}`;
const C: Digest = `sha256:${'c'.repeat(64)}`;

const STATEMENT: Statement = {
  tree: 'b6e5c1d0',
  serial: 42,
  previous: { serial: 41, digest: A },
  published: '2026-11-21T09:00:00Z',
  expires: '2026-11-28T09:00:00Z',
  root: B,
  list: C,
  full: { serial: 40, digest: A },
  signatures: [{ keyid: 'k', sig: 's' }],
};

function bytesWith(change: Readonly<Record<string, unknown>>): Uint8Array {
  const text = Buffer.from(encodeStatement(STATEMENT).bytes).toString();
  return Buffer.from(JSON.stringify({ ...(JSON.parse(text) as object), ...change }));
}

describe('a statement', () => {
  test('has the canonical bytes of the format, and is read back', () => {
    const { bytes, path, digest } = encodeStatement(STATEMENT);
    expect(Buffer.from(bytes).toString()).toBe(
      `{"expires":"2026-11-28T09:00:00Z","format":1,"full":{"digest":"${A}","serial":40},"list":"${C}",` +
        `"previous":{"digest":"${A}","serial":41},"published":"2026-11-21T09:00:00Z","root":"${B}","serial":42,` +
        `"signatures":[{"keyid":"k","sig":"s"}],"tree":"b6e5c1d0","type":"gantry-serial"}`,
    );
    expect(path).toBe('serial/000000000042.json');
    expect(digest).toBe(digestOf(bytes));
    expect(decodeStatement(bytes)).toEqual(STATEMENT);
  });

  test('of a first serial follows none', () => {
    const first = { ...STATEMENT, serial: 1, previous: null, full: null, signatures: [] };
    expect(decodeStatement(encodeStatement(first).bytes)).toEqual(first);
  });

  test('may hold members that this version does not know', () => {
    expect(decodeStatement(bytesWith({ mood: 'good', __proto__x: 1 }))).toEqual(STATEMENT);
  });

  test.each([
    ['a newer format', { format: 2 }, /format 2.*newer one is needed/],
    ['no format', { format: undefined }, /"format" is absent/],
    ['a format in words', { format: '1' }, /"format" is "1"/],
    ['another type', { type: 'gantry-root' }, /"type"/],
    ['serial 0', { serial: 0 }, /"serial"/],
    ['half a serial', { serial: 41.5 }, /"serial"/],
    ['a serial with no room in a path', { serial: 10 ** 12 }, /"serial"/],
    ['a predecessor that is no smaller', { previous: { serial: 42, digest: A } }, /follows 42/],
    ['a full list from the future', { full: { serial: 43, digest: A } }, /full list of 43/],
    ['no digest as root', { root: 'latest' }, /"root"/],
    ['no list', { list: undefined }, /"list"/],
    ['a time in another zone', { expires: '2026-11-28T09:00:00+01:00' }, /"expires"/],
    ['a time that does not exist', { published: '2026-13-41T09:00:00Z' }, /"published"/],
    ['no signatures', { signatures: undefined }, /"signatures"/],
    ['no tree', { tree: '' }, /"tree"/],
  ])('with %s is refused', (_, change, message) => {
    const decode = () => decodeStatement(bytesWith(change), 'serial/current.json of /tree');
    expect(decode).toThrow(Fault);
    expect(decode).toThrow(message);
    expect(decode).toThrow(/^serial\/current\.json of \/tree/);
  });

  test.each([
    ['nothing', ''],
    ['no JSON', '<html>'],
    ['a list', '[]'],
    ['bytes that are not UTF-8', Buffer.from([0x7b, 0xff, 0x7d])],
  ])('that is %s is refused', (_, bytes) => {
    expect(() => decodeStatement(Buffer.from(bytes))).toThrow(Fault);
  });
});

function stated(change: Partial<Statement>, digest: Digest) {
  return { statement: { ...STATEMENT, ...change }, digest };
}

describe('what a reader thinks of another statement', () => {
  const held = stated({}, B);

  test.each([
    ['the very same bytes', stated({}, B), 'same'],
    ['the next one', stated({ serial: 43, previous: { serial: 42, digest: B } }, C), 'newer'],
    [
      'a later one, after some that were not seen',
      stated({ serial: 50, previous: { serial: 49, digest: A } }, C),
      'newer',
    ],
    ['a lower one', stated({ serial: 30, previous: null }, C), 'older'],
    ['the one before', stated({ serial: 41, previous: null }, A), 'older'],
    ['an equal serial with other bytes', stated({ root: A }, C), 'fork'],
    [
      'a successor of another history',
      stated({ serial: 43, previous: { serial: 42, digest: C } }, A),
      'fork',
    ],
    ['a predecessor of another history', stated({ serial: 41, previous: null }, C), 'fork'],
    ['another tree', stated({ tree: 'other', serial: 50 }, C), 'other tree'],
  ])('%s', (_, next, judgement) => {
    expect(judgeStatement(held, next)).toBe(judgement);
  });

  test('is the mirror image of what the other would think', () => {
    const digest = fc.constantFrom(A, B, C);
    const any = fc
      .record({
        tree: fc.constantFrom('x', 'y'),
        serial: fc.integer({ min: 2, max: 5 }),
        before: digest,
        digest,
      })
      .map(({ tree, serial, before, digest: own }) =>
        stated({ tree, serial, previous: { serial: serial - 1, digest: before } }, own),
      );
    const mirrored = {
      same: 'same',
      newer: 'older',
      older: 'newer',
      fork: 'fork',
      'other tree': 'other tree',
    };
    fc.assert(
      fc.property(any, any, (a, b) => expect(judgeStatement(b, a)).toBe(mirrored[judgeStatement(a, b)])),
    );
  });
});

test('times are cut to whole seconds', () => {
  expect(treeTime(Date.UTC(2026, 10, 21, 9, 0, 0, 999))).toBe('2026-11-21T09:00:00Z');
});
