import { encodeStatement, POINTER_PATH, serialPath, treeTime, type TreeSource } from '@gantry/tree';
import { digestOf } from '@gantry/oci';
import { isRetained, retainedSnapshots } from './retained-snapshots.ts';

const NOW = new Date('2026-11-21T12:00:00Z');
const HOUR_MS = 3_600_000;
const ago = (ms: number) => ({ published: treeTime(NOW.getTime() - ms) });
const RULES = { graceMs: 0, keepSnapshots: 3, keepSnapshotsForMs: 24 * HOUR_MS };

test.each([
  ['the current one, however old', 0, 1000 * HOUR_MS, true],
  ['the last of the newest, however old', 2, 1000 * HOUR_MS, true],
  ['the one after it, when it is young', 3, 24 * HOUR_MS - 1000, true],
  ['the one after it, from the moment on that it is not', 3, 24 * HOUR_MS, false],
  ['the one after it, when it is old', 3, 25 * HOUR_MS, false],
  ['one that is far behind, and young', 10_000, 0, true],
  ['one of a clock that was ahead', 3, -HOUR_MS, true],
])('is retained or not: %s', (_, newer, ageMs, retained) => {
  expect(isRetained(ago(ageMs), newer, RULES, NOW)).toBe(retained);
});

test('the current one is retained even where no snapshot is to be', () => {
  const none = { graceMs: 0, keepSnapshots: 0, keepSnapshotsForMs: 0 };
  expect(isRetained(ago(0), 0, none, NOW)).toBe(true);
  expect(isRetained(ago(0), 1, none, NOW)).toBe(false);
});

/** A tree that has statements only, of those ages in hours, oldest first; each follows the one before, but for strays. */
function historyOf(
  ages: readonly (number | { readonly stray: number })[],
  files = new Map<string, Uint8Array>(),
): TreeSource {
  let previous: { serial: number; digest: ReturnType<typeof digestOf> } | null = null;
  for (const [at, age] of ages.entries()) {
    const serial = at + 1;
    const { bytes, digest } = encodeStatement({
      tree: 'a tree',
      serial,
      previous,
      ...ago((typeof age === 'number' ? age : age.stray) * HOUR_MS),
      expires: treeTime(NOW.getTime()),
      root: digestOf(Buffer.from(String(serial))),
      list: digestOf(Buffer.from('')),
      full: null,
      signatures: [],
    });
    files.set(serialPath(serial), bytes);
    if (typeof age !== 'number') continue;
    previous = { serial, digest };
    files.set(POINTER_PATH, bytes);
  }
  return {
    name: 'a history',
    read: async (path) => files.get(path),
    stat: async (path) => ({ size: files.get(path)?.length ?? 0 }),
    open: async () => undefined,
    async *list(folder) {
      for (const [path, { length }] of files) if (path.startsWith(`${folder}/`)) yield { path, size: length };
    },
  };
}

const serialsOf = async (source: TreeSource) =>
  (await retainedSnapshots(source, RULES, NOW)).map(({ serial }) => serial);

test.each([
  ['nothing is published', [], []],
  ['there are fewer than are kept', [500, 400], [2, 1]],
  ['all are old', [500, 400, 300, 200, 100], [5, 4, 3]],
  ['many are young', [500, 23, 22, 21, 20, 19], [6, 5, 4, 3, 2]],
  ['a claim has no part in the tree, and is not counted', [500, 400, 300, { stray: 1 }, 200], [5, 3, 2]],
])('those that are retained, newest first, where %s', async (_, ages, serials) => {
  expect(await serialsOf(historyOf(ages))).toEqual(serials);
});

test('one statement that is lost gives up none of those before it', async () => {
  const files = new Map<string, Uint8Array>();
  const source = historyOf([500, 23, 22, 21, 20, 19], files);
  files.delete(serialPath(4));
  expect(await serialsOf(source)).toEqual([6, 5, 3, 2]);
  files.delete(serialPath(2));
  expect(await serialsOf(source)).toEqual([6, 5, 3]);
});
