import { digestOf } from '@gantry/oci';
import {
  encodeStatement,
  POINTER_PATH,
  readStatement,
  serialPath,
  type Statement,
  type TreeSource,
} from '@gantry/tree';
import { newestClaimed } from './newest-claimed.ts';

/** Claimed statements by what they follow: a serial, null, or other bytes of a serial. */
type Follows = number | null | { readonly otherBytesOf: number };

/** A tree of nothing but statements, each of which is written after what it follows. */
function treeOf(
  claims: Readonly<Record<number, Follows>>,
  shown?: number,
  otherTree: readonly number[] = [],
) {
  const files = new Map<string, Uint8Array>();
  const read: string[] = [];
  const linkTo = (follows: Follows): Statement['previous'] => {
    if (follows === null) return null;
    if (typeof follows === 'object') return { serial: follows.otherBytesOf, digest: digestOf('other') };
    return { serial: follows, digest: digestOf(files.get(serialPath(follows)) ?? 'absent') };
  };
  for (const [serial, follows] of Object.entries(claims)) {
    const { path, bytes } = encodeStatement({
      tree: otherTree.includes(Number(serial)) ? 'another' : 'a tree',
      serial: Number(serial),
      previous: linkTo(follows),
      published: '2026-11-21T09:00:00Z',
      expires: '2026-11-28T09:00:00Z',
      root: digestOf('root'),
      list: digestOf('list'),
      full: null,
      signatures: [],
    });
    files.set(path, bytes);
    if (Number(serial) === shown) files.set(POINTER_PATH, bytes);
  }
  const source: Pick<TreeSource, 'name' | 'read'> = {
    name: 'the tree',
    read: async (path) => {
      read.push(path);
      return files.get(path);
    },
  };
  return { source: source as TreeSource, read, highest: Math.max(0, ...Object.keys(claims).map(Number)) };
}

test.each<[string, ReturnType<typeof treeOf>, { newest: number | undefined; passedOver: readonly number[] }]>(
  [
    ['nothing is claimed', treeOf({}), { newest: undefined, passedOver: [] }],
    ['nothing is claimed above', treeOf({ 1: null, 2: 1 }, 2), { newest: undefined, passedOver: [] }],
    ['there is no pointer yet', treeOf({ 1: null }), { newest: 1, passedOver: [] }],
    ['its publisher has died', treeOf({ 1: null, 2: 1, 3: 2 }, 2), { newest: 3, passedOver: [] }],
    ['the pointer was put back far', treeOf({ 1: null, 2: 1, 5: 2, 9: 5 }, 1), { newest: 9, passedOver: [] }],
    [
      'two began from one statement',
      treeOf({ 1: null, 2: 1, 4: 2, 5: 2, 7: 5 }, 4),
      { newest: 7, passedOver: [] },
    ],
    [
      'it is the first of another tree',
      treeOf({ 1: null, 2: 1, 9: null }, 2, [9]),
      { newest: undefined, passedOver: [9] },
    ],
    [
      'it follows nothing, and the tree has a history',
      treeOf({ 1: null, 2: 1, 9: null }, 2),
      { newest: undefined, passedOver: [9] },
    ],
    [
      'it follows other bytes',
      treeOf({ 1: null, 2: 1, 3: { otherBytesOf: 2 } }, 2),
      { newest: undefined, passedOver: [3] },
    ],
    [
      'it follows a statement that is not there',
      treeOf({ 1: null, 2: 1, 9: { otherBytesOf: 7 } }, 2),
      { newest: undefined, passedOver: [9] },
    ],
    [
      'it leaves out what the pointer follows',
      treeOf({ 1: null, 2: 1, 3: 2, 4: 3, 9: 2 }, 4),
      { newest: undefined, passedOver: [9] },
    ],
    [
      'one below it goes on from the pointer',
      treeOf({ 1: null, 2: 1, 3: 2, 9: { otherBytesOf: 7 } }, 2),
      { newest: 3, passedOver: [9] },
    ],
  ],
)('the newest claimed statement where %s', async (_, { source, highest }, { newest, passedOver }) => {
  const found = await newestClaimed(source, highest, await readStatement(source));
  expect({ newest: found.newest?.statement.serial, passedOver: found.passedOver }).toEqual({
    newest,
    passedOver,
  });
});

test('a statement that follows the pointer costs one read', async () => {
  const { source, read } = treeOf({ 1: null, 2: 1, 3: 2 }, 2);
  const shown = await readStatement(source);
  read.length = 0;
  await newestClaimed(source, 3, shown);
  expect(read).toEqual([serialPath(3)]);
});
