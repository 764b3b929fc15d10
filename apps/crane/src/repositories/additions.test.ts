import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { digestOf } from '@gantry/oci';
import {
  blobPath,
  directoryTree,
  formatList,
  fullListPath,
  type ListLine,
  listPath,
  manifestPath,
  type StatedSerial,
} from '@gantry/tree';
import { readAdditions, SAMPLE_SIZE } from './additions.ts';
import { temporaryFolder } from '../crane.fixture.ts';

const blob = (id: string) => blobPath(digestOf(id));
const image = (id: string) => manifestPath('oci-manifest', digestOf(id));
const plus = (file: string, id: string): ListLine => ({
  op: '+',
  size: id.length,
  sha256: digestOf(id).slice('sha256:'.length),
  path: file,
});
const minus = (file: string): ListLine => ({ op: '-', path: file });

function statedAt(serial: number, full: number | null = null): StatedSerial {
  const digest = digestOf(`statement ${serial}`);
  return {
    digest,
    statement: {
      tree: 'tree',
      serial,
      previous: null,
      published: '2026-11-21T09:00:00Z',
      expires: '2026-11-28T09:00:00Z',
      root: digest,
      list: digest,
      full: full === null ? null : { serial: full, digest },
      signatures: [],
    },
  };
}

async function treeOf(lists: Readonly<Record<string, ListLine[]>>) {
  const folder = await temporaryFolder();
  await mkdir(path.join(folder.path, 'lists'));
  for (const [file, lines] of Object.entries(lists)) {
    await writeFile(path.join(folder.path, file), formatList(lines));
  }
  return { source: directoryTree(folder.path), [Symbol.asyncDispose]: folder[Symbol.asyncDispose] };
}

const pathsOf = (objects: readonly { path: string }[]) => objects.map((object) => object.path).toSorted();

test('the lists after a serial are read, the last line for a path wins, and gaps are passed over', async () => {
  await using tree = await treeOf({
    [listPath(1)]: [plus(blob('first'), 'first')],
    [listPath(2)]: [plus(blob('a'), 'a'), plus(image('gone'), 'gone')],
    [listPath(4)]: [minus(image('gone')), minus(blob('first')), plus(blob('b'), 'b')],
    [listPath(5)]: [plus(blob('first'), 'first'), plus(image('new'), 'new')],
    [listPath(6)]: [plus(blob('later'), 'later')],
  });
  const added = await readAdditions(tree.source, 1, statedAt(5));
  expect(pathsOf(added.objects)).toEqual([blob('a'), blob('b'), blob('first'), image('new')].toSorted());
  expect([...added.exemplars]).toEqual([
    ['oci-manifest', expect.objectContaining({ path: image('new'), size: 3 })],
  ]);
  expect([...added.removed]).toEqual([image('gone')]);
});

test('from the beginning it is the newest full list, and what came after it', async () => {
  await using tree = await treeOf({
    [fullListPath(3)]: [plus(blob('old'), 'old'), plus(blob('gone'), 'gone'), plus(image('old'), 'old')],
    [listPath(2)]: [plus(blob('not to be read'), 'not to be read')],
    [listPath(4)]: [minus(blob('gone')), plus(image('new'), 'new')],
  });
  const added = await readAdditions(tree.source, 0, statedAt(4, 3));
  expect(pathsOf(added.objects)).toEqual([blob('old'), image('new'), image('old')].toSorted());
  expect(added.exemplars.get('oci-manifest')?.path).toBe(image('old'));
  const since = await readAdditions(tree.source, 3, statedAt(4, 3));
  expect(pathsOf(since.objects)).toEqual([image('new')]);
});

test('of many objects a random sample is taken', async () => {
  const count = SAMPLE_SIZE * 5;
  const lines = Array.from({ length: count }, (_, index) => plus(blob(`blob ${index}`), `blob ${index}`));
  await using tree = await treeOf({ [listPath(1)]: lines });
  const added = await readAdditions(tree.source, 0, statedAt(1));
  expect(added.objects).toHaveLength(SAMPLE_SIZE);
  expect(new Set(pathsOf(added.objects)).size).toBe(SAMPLE_SIZE);
  const first = await readAdditions(tree.source, 0, statedAt(1), () => 0.999999);
  const sorted = lines.map((line) => line.path).toSorted();
  expect(pathsOf(first.objects)).toEqual(sorted.slice(0, SAMPLE_SIZE));
});

test('a list that is not as the format says is an error', async () => {
  await using tree = await treeOf({});
  await writeFile(path.join(tree.source.name, listPath(1)), '+ 1 abc ../../etc/passwd\n');
  await expect(readAdditions(tree.source, 0, statedAt(1))).rejects.toMatchObject({ code: 'TREE_INVALID' });
});
