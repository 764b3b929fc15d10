import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { directoryTree } from './directory-source.ts';
import { layTree } from './lay-tree.ts';
import { parseList } from './lists.ts';
import { openTree } from './open-tree.ts';
import { listPath, manifestPath, parsePath, POINTER_PATH, serialPath } from './paths.ts';
import { sampleImage, sampleRepository } from './sample-content.fixture.ts';
import { verifyTree } from './verify.ts';

const ONE = sampleImage('one');
const TWO = sampleImage('two');

let root = '';
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'gantry-tree-'));
});
afterEach(async () => {
  await rm(root, { recursive: true });
});

async function filesOf(directory: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for await (const { path: file } of directoryTree(directory).list('')) {
    files.set(file, await readFile(path.join(directory, file), 'latin1'));
  }
  return files;
}

describe('a tree that is laid from memory', () => {
  test('is whole, its files 0444 and its folders 0755', async () => {
    const tree = path.join(root, 'new/tree');
    await layTree(tree, { repositories: [sampleRepository('a', { x: ONE })] });
    expect(await verifyTree(directoryTree(tree), { deep: true })).toMatchObject({ errors: 0, warnings: 0 });
    for (const file of (await filesOf(tree)).keys()) {
      expect(parsePath(file)).toBeDefined();
      expect((await stat(path.join(tree, file))).mode & 0o777).toBe(0o444);
      expect((await stat(path.join(tree, path.dirname(file)))).mode & 0o777).toBe(0o755);
    }
  });

  test('is the same to the byte for the same content, whatever its order', async () => {
    const [a, b] = [sampleRepository('a', { x: ONE, y: TWO }), sampleRepository('b', { x: TWO })];
    const turned = { ...a, tags: new Map([...a.tags].toReversed()), manifests: a.manifests.toReversed() };
    await layTree(path.join(root, 'one'), { repositories: [a, b], publishedMs: 0 });
    await layTree(path.join(root, 'two'), { repositories: [b, turned], publishedMs: 0 });
    expect(await filesOf(path.join(root, 'two'))).toEqual(await filesOf(path.join(root, 'one')));
  });

  test('goes on from serial to serial: what was there stays, and keeps its since', async () => {
    const first = await layTree(root, { repositories: [sampleRepository('a', { x: ONE })] });
    const second = await layTree(root, { repositories: [sampleRepository('a', { x: ONE, y: TWO })] });
    expect(second.statement.previous).toEqual({ serial: 1, digest: first.digest });
    expect(second.statement.tree).toBe(first.statement.tree);
    const document = await (await openTree(directoryTree(root)))?.repository('a');
    expect(document?.manifests.get(ONE.digest)?.since).toBe(1);
    expect(document?.manifests.get(TWO.digest)?.since).toBe(2);
    const list = parseList(await readFile(path.join(root, listPath(2))), 'the list');
    expect(list.every(({ op }) => op === '+')).toBe(true);
    expect(list.map((line) => line.path)).toContain(manifestPath('oci-manifest', TWO.digest));
    expect(await readFile(path.join(root, POINTER_PATH))).toEqual(
      await readFile(path.join(root, serialPath(2))),
    );
  });
});
