import type { ListedFolder } from './list-files.ts';
import { createFolderMemory } from './lost-folders.ts';

/** Folders by their paths below `/data`: the number of their file system, and whether there is a file in or below them. */
type Found = Readonly<Record<string, readonly [device: number, isFilled: boolean]>>;

/** What is lost after each of several rounds; `/data` itself is on file system 1, and has files throughout. */
function lostIn(rounds: readonly Found[], unread: readonly string[] = []): (readonly string[])[] {
  const memory = createFolderMemory();
  return rounds.map((found, round) => {
    const all: Found = { '/data': [1, true], ...found };
    const folders = new Map<string, ListedFolder>();
    for (const [folder, [device, isFilled]] of Object.entries(all)) {
      const [parent] = all[folder.slice(0, folder.lastIndexOf('/'))] ?? [device];
      folders.set(folder, { device: BigInt(device), isMount: parent !== device, isFilled });
    }
    return memory.lostSince({ files: [], folders, unread: round === 0 ? [] : unread });
  });
}

test.each<[string, readonly Found[], readonly (readonly string[])[]]>([
  ['a plain folder that is emptied', [{ '/data/a': [1, true] }, { '/data/a': [1, false] }], [[], []]],
  ['a plain folder that is removed', [{ '/data/a': [1, true] }, {}], [[], []]],
  [
    'an empty file system over a plain folder, until it is taken away',
    [
      { '/data/a': [1, true] },
      { '/data/a': [2, false] },
      { '/data/a': [2, false] },
      { '/data/a': [1, true] },
    ],
    [[], ['/data/a'], ['/data/a'], []],
  ],
  [
    'a file system that goes, and comes back',
    [{ '/data/a': [2, true] }, { '/data/a': [1, false] }, {}, { '/data/a': [3, true] }],
    [[], ['/data/a'], ['/data/a'], []],
  ],
  [
    'a file system whose files are all removed',
    [{ '/data/a': [2, true] }, { '/data/a': [2, false] }],
    [[], ['/data/a']],
  ],
  [
    'a file system in whose place there is a plain folder with files, which is then removed',
    [{ '/data/a': [2, true] }, { '/data/a': [1, true] }, {}],
    [[], [], []],
  ],
  [
    'a file system with others in it and below it: the outermost',
    [{ '/data/a': [2, true], '/data/a/b': [2, true], '/data/a/b/c': [3, true], '/data/ab': [1, true] }, {}],
    [[], ['/data/a']],
  ],
  [
    'a folder in a file system that stays, and one beside it that goes',
    [{ '/data/a': [2, true], '/data/a/b': [2, true], '/data/c': [3, true] }, { '/data/a': [2, true] }],
    [[], ['/data/c']],
  ],
  ['a file system that was empty from the start', [{ '/data/a': [2, false] }, {}], [[], []]],
])('lost of %s', (_, rounds, expected) => {
  expect(lostIn(rounds)).toEqual(expected);
});

test('what can not be read is not known to be lost', () => {
  const mounted: Found = { '/data/a': [2, true], '/data/a/b': [3, true] };
  expect(lostIn([mounted, {}], ['/data/a'])).toEqual([[], []]);
});
