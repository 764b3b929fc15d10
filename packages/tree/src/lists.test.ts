import { Fault, digestOf } from '@gantry/oci';
import * as fc from 'fast-check';
import type { ListLine } from './documents.ts';
import { formatList, parseList, readList, replay } from './lists.ts';
import { blobPath, indexPath, manifestPath } from './paths.ts';

const object = fc.integer({ min: 0, max: 20 }).map((number) => {
  const digest = digestOf(String(number));
  const path = [blobPath(digest), indexPath(digest), manifestPath('oci-index', digest)][number % 3] ?? '';
  return { path, sha256: digest.slice('sha256:'.length) };
});
const line: fc.Arbitrary<ListLine> = fc.oneof(
  fc
    .tuple(object, fc.maxSafeNat())
    .map(([{ path, sha256 }, size]) => ({ op: '+' as const, size, sha256, path })),
  object.map(({ path }) => ({ op: '-' as const, path })),
);
const lines = fc.array(line, { maxLength: 30 });

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) {
    yield await Promise.resolve(bytes.subarray(at, at + size));
  }
}

const EMPTY = digestOf('').slice('sha256:'.length);
const EMPTY_PATH = blobPath(`sha256:${EMPTY}`);

describe('a list', () => {
  test('is read back as it was written, sorted by path', () => {
    fc.assert(
      fc.property(lines, (given) => {
        const read = parseList(formatList(given), 'a list');
        expect(read).toHaveLength(given.length);
        expect(read).toEqual(given.toSorted((a, b) => (a.path < b.path ? -1 : Number(a.path > b.path))));
      }),
    );
  });

  test('is read the same in whatever pieces it comes', async () => {
    await fc.assert(
      fc.asyncProperty(lines, fc.integer({ min: 1, max: 300 }), async (given, size) => {
        const bytes = formatList(given);
        const read = await Array.fromAsync(readList(inPieces(bytes, size), 'a list'));
        expect(read).toEqual(parseList(bytes, 'a list'));
      }),
    );
  });

  test('looks as the format says', () => {
    const other = blobPath(digestOf('other'));
    const text = Buffer.from(
      formatList([
        { op: '+', size: 0, sha256: EMPTY, path: EMPTY_PATH },
        { op: '-', path: other },
      ]),
    ).toString();
    expect(text).toBe(`- ${other}\n+ 0 ${EMPTY} ${EMPTY_PATH}\n`);
    expect(formatList([])).toHaveLength(0);
  });

  test.each([
    ['a path that is not of the tree', `+ 0 ${EMPTY} pool/blobs/../../etc/passwd\n`, /no path of the pool/],
    ['the pointer', '- serial/current.json\n', /no path of the pool/],
    ['another list', '- lists/000000000001.txt\n', /no path of the pool/],
    ['a folder', '- pool/blobs\n', /no path of the pool/],
    ['a digest that its path contradicts', `+ 0 ${'0'.repeat(64)} ${EMPTY_PATH}\n`, /contradicts/],
    ['no size', `+ ${EMPTY} ${EMPTY_PATH}\n`, /neither/],
    ['a size with a leading zero', `+ 00 ${EMPTY} ${EMPTY_PATH}\n`, /neither/],
    ['a carriage return', `- ${EMPTY_PATH}\r\n`, /no path of the pool/],
    ['an empty line', '\n', /neither/],
    ['a line that is cut short', `- ${EMPTY_PATH}`, /cut short/],
    ['a line that has no end', `- ${'x'.repeat(5000)}`, /longer|cut short/],
  ])('is refused with %s, naming the line', async (_, last, message) => {
    const good = `- ${blobPath(`sha256:${'00'.repeat(32)}`)}\n`;
    const bytes = Buffer.from(good + last);
    const read = [
      () => Promise.resolve().then(() => parseList(bytes, 'lists/000000000007.txt')),
      () => Array.fromAsync(readList(inPieces(bytes, 64), 'lists/000000000007.txt')),
    ];
    for (const attempt of read) {
      const error = await attempt().catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(Fault);
      expect(error).toMatchObject({ code: 'TREE_INVALID', message: expect.stringMatching(message) });
      expect((error as Fault).message).toMatch(/^line 2 of lists\/000000000007\.txt/);
    }
  });

  test('is refused when its lines are out of order', () => {
    const [a, b] = [blobPath(digestOf('1')), blobPath(digestOf('2'))].toSorted();
    expect(() => parseList(Buffer.from(`- ${b}\n- ${a}\n`), 'it')).toThrow(/line 2 of it.*out of order/);
  });

  test('that is full has nothing to take away', () => {
    const bytes = Buffer.from(`- ${EMPTY_PATH}\n`);
    expect(() => parseList(bytes, 'it', { full: true })).toThrow(/full list/);
  });
});

function add(path: string): ListLine {
  return { op: '+', size: 1, sha256: path.slice(-64), path };
}

describe('the pool', () => {
  test('is what the last line for each path says, since the beginning of its last unbroken run', () => {
    fc.assert(
      fc.property(fc.array(lines, { maxLength: 6 }), (history) => {
        const pool = replay(history.map((given, at) => ({ serial: at + 1, lines: given })));
        const flat = history.flatMap((given, at) => given.map((one) => ({ serial: at + 1, ...one })));
        for (const path of new Set(flat.map((one) => one.path))) {
          const of = flat.filter((one) => one.path === path);
          const run = of.slice(of.findLastIndex(({ op }) => op === '-') + 1);
          const last = run.at(-1);
          const expected =
            last?.op === '+' ? { size: last.size, sha256: last.sha256, since: run[0]?.serial } : undefined;
          expect(pool.get(path)).toEqual(expected);
        }
      }),
    );
  });

  test('begins anew with a full list', () => {
    const [one, two] = [blobPath(digestOf('1')), blobPath(digestOf('2'))];
    const pool = replay([
      { serial: 1, lines: [add(one)] },
      { serial: 5, full: true, lines: [add(two)] },
      { serial: 6, lines: [add(two)] },
    ]);
    expect([...pool.keys()]).toEqual([two]);
    expect(pool.get(two)?.since).toBe(5);
  });
});
