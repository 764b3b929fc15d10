import { chmod, mkdir, mkdtemp, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Digest } from '@gantry/oci';
import { directoryTree } from './directory-source.ts';
import { diffTrees } from './diff.ts';
import { httpTree } from './http-source.ts';
import { layTree } from './lay-tree.ts';
import { openTree, readStatement } from './open-tree.ts';
import { indexPath, POINTER_PATH, serialPath, shardOf } from './paths.ts';
import { encodeRoot } from './root.ts';
import { sampleImage, sampleRepository } from './sample-content.fixture.ts';
import { serveTree } from './serving.fixture.ts';
import { encodeShard } from './shard.ts';
import { encodeStatement } from './statement.ts';
import type { TreeView } from './tree-reader.ts';
import type { TreeSource } from './tree-source.ts';

const ONE = sampleImage('one');
const TWO = sampleImage('two');

let root = '';
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'gantry-tree-'));
});
afterEach(async () => {
  await rm(root, { recursive: true });
});

/** Opens what must be there. */
async function opened(...args: Parameters<typeof openTree>): Promise<TreeView> {
  const view = await openTree(...args);
  if (view === undefined) throw new Error('there is no tree');
  return view;
}

/** A source that counts what is read of it. */
function counting(source: TreeSource): TreeSource & { reads: string[] } {
  const reads: string[] = [];
  return {
    ...source,
    reads,
    read(file, maxBytes) {
      reads.push(file);
      return source.read(file, maxBytes);
    },
  };
}

async function damage(file: string, bytes: string | Uint8Array): Promise<void> {
  await chmod(path.join(root, file), 0o644);
  await writeFile(path.join(root, file), bytes);
}

describe('a tree that is opened', () => {
  test('is absent while there is no pointer', async () => {
    expect(await openTree(directoryTree(path.join(root, 'nowhere')))).toBeUndefined();
    expect(await openTree(directoryTree(root))).toBeUndefined();
  });

  test('gives its repositories, from a directory and from a web server', async () => {
    const { statement, digest } = await layTree(root, {
      repositories: [
        sampleRepository('fedora/httpd', { latest: ONE, '10': TWO, __proto__x: TWO, constructor: ONE }),
        sampleRepository('constructor', { latest: ONE }),
      ],
    });
    await using server = await serveTree(root);
    for (const source of [directoryTree(root), httpTree(`${server.url}/tree`)]) {
      const view = await opened(source);
      expect(view.statement).toEqual(statement);
      expect(view.digest).toBe(digest);
      const httpd = await view.repository('fedora/httpd');
      expect([...(httpd?.tags ?? [])]).toEqual([
        ['10', TWO.digest],
        ['__proto__x', TWO.digest],
        ['constructor', ONE.digest],
        ['latest', ONE.digest],
      ]);
      expect(httpd?.manifests.get(ONE.digest)).toEqual({
        kind: 'oci-manifest',
        size: ONE.manifest.length,
        since: 1,
      });
      expect(httpd?.blobs.size).toBe(4);
      expect((await view.repository('constructor'))?.tags.get('latest')).toBe(ONE.digest);
      expect(await view.repository('fedora/nginx')).toBeUndefined();
      expect(await view.repository('__proto__')).toBeUndefined();
      expect(await view.repositoryDigest('toString')).toBeUndefined();
      const names = await Array.fromAsync(view.repositories(), ({ name }) => name);
      expect(names.toSorted()).toEqual(['constructor', 'fedora/httpd']);
    }
  });

  test('reads the root at once, the rest on first use, and nothing twice', async () => {
    await layTree(root, {
      repositories: [sampleRepository('a', { x: ONE }), sampleRepository('b', { x: ONE })],
    });
    const source = counting(directoryTree(root));
    const view = await opened(source);
    expect(source.reads).toEqual([POINTER_PATH, indexPath(view.statement.root)]);
    await Promise.all([view.repository('a'), view.repository('a'), view.repositoryDigest('a')]);
    await view.repository('a');
    expect(source.reads).toHaveLength(4);
    await view.repository(['c', 'd', 'e'].find((name) => !view.shards.has(shardOf(name))) ?? '');
    expect(source.reads).toHaveLength(4);
  });

  test('keeps no more than it has room for', async () => {
    const names = Array.from({ length: 40 }, (_, at) => `r${at}`);
    await layTree(root, { repositories: names.map((name) => sampleRepository(name, { x: ONE })) });
    const source = counting(directoryTree(root));
    const view = await opened(source, { cacheBytes: 8000 });
    for (const name of [...names, ...names]) expect((await view.repository(name))?.name).toBe(name);
    expect(source.reads.length).toBeGreaterThan(2 + 40 * 3);
  });

  test('gives a referrers document, verified', async () => {
    const signature = sampleImage('signature', { digest: ONE.digest, size: ONE.manifest.length });
    const repository = sampleRepository('a', { x: ONE });
    await layTree(root, {
      repositories: [{ ...repository, manifests: [...repository.manifests, signature.manifest] }],
    });
    const view = await opened(directoryTree(root));
    const digest = (await view.repository('a'))?.referrers.get(ONE.digest);
    if (digest === undefined) throw new Error('it has referrers');
    expect(Buffer.from(await view.document(digest)).toString()).toContain(signature.digest);
  });

  test('can be one of its earlier serials', async () => {
    await layTree(root, { repositories: [sampleRepository('a', { x: ONE })] });
    await layTree(root, { repositories: [sampleRepository('a', { x: TWO })] });
    const view = await opened(directoryTree(root), { serial: 1 });
    expect((await view.repository('a'))?.tags.get('x')).toBe(ONE.digest);
    expect(await openTree(directoryTree(root), { serial: 3 })).toBeUndefined();
  });
});

describe('a new serial', () => {
  test('shares what is unchanged with the former view', async () => {
    const b = sampleRepository('b', { x: ONE });
    await layTree(root, { repositories: [sampleRepository('a', { x: ONE }), b] });
    const source = counting(directoryTree(root));
    const former = await opened(source);
    await Promise.all([former.repository('a'), former.repository('b')]);
    await layTree(root, { repositories: [sampleRepository('a', { x: TWO }), b] });
    source.reads.length = 0;
    const view = await opened(source, { previous: former });
    expect((await view.repository('a'))?.tags.get('x')).toBe(TWO.digest);
    expect(await view.repository('b')).toBe(await former.repository('b'));
    expect((await former.repository('a'))?.tags.get('x')).toBe(ONE.digest);
    // Pointer, root, shard and document of a; nothing of b.
    expect(source.reads).toHaveLength(4);
  });

  test('that is the same one is the same view, and one of the same root reads nothing anew', async () => {
    const state = { repositories: [sampleRepository('a', { x: ONE })] };
    await layTree(root, state);
    const source = counting(directoryTree(root));
    const former = await opened(source);
    expect(await openTree(source, { previous: former })).toBe(former);
    await layTree(root, state);
    source.reads.length = 0;
    const view = await opened(source, { previous: former });
    expect(view.statement.serial).toBe(2);
    expect(source.reads).toEqual([POINTER_PATH]);
  });

  test.each([
    ['a lower serial', { serial: 4 }, /serial 5 was read before/],
    ['a fork', { publishedMs: 0 }, /fork/],
    ['another tree', { tree: 'other', serial: 9 }, /of the tree other/],
  ])('is refused when it is %s', async (_, change, message) => {
    const held = { repositories: [], tree: 'mine', serial: 5 };
    await layTree(path.join(root, 'held'), held);
    await layTree(path.join(root, 'next'), { ...held, ...change });
    const previous = await opened(directoryTree(path.join(root, 'held')));
    const next = openTree(directoryTree(path.join(root, 'next')), { previous });
    await expect(next).rejects.toMatchObject({
      code: 'TREE_INVALID',
      message: expect.stringMatching(message),
    });
  });

  test('is refused below the floor, and when it is not of the pinned tree', async () => {
    await layTree(root, { repositories: [], tree: 'mine', serial: 5 });
    const source = directoryTree(root);
    expect((await opened(source, { floorSerial: 5, pinnedTree: 'mine' })).statement.serial).toBe(5);
    await expect(openTree(source, { floorSerial: 6 })).rejects.toThrow(
      /serial 5 .*refused: serial 6 was seen/,
    );
    await expect(openTree(source, { pinnedTree: 'other' })).rejects.toThrow(/other is pinned/);
  });
});

async function documentOf(view: TreeView, name: string): Promise<Digest> {
  const digest = await view.repositoryDigest(name);
  if (digest === undefined) throw new Error('it is there');
  return digest;
}

describe('a damaged tree', () => {
  test('is UNAVAILABLE where a document has other bytes, and goes on once it is repaired', async () => {
    await layTree(root, {
      repositories: [sampleRepository('a', { x: ONE }), sampleRepository('b', { x: ONE })],
    });
    const view = await opened(directoryTree(root));
    const file = indexPath(await documentOf(view, 'a'));
    const bytes = await directoryTree(root).read(file, 10_000);
    await damage(file, '{"format":1,"name":"a","channel":"evil"}');
    const read = view.repository('a');
    await expect(read).rejects.toMatchObject({ code: 'UNAVAILABLE', details: { document: file } });
    await expect(read).rejects.toThrow(/not those of its digest/);
    expect((await view.repository('b'))?.name).toBe('b');
    await damage(file, bytes ?? '');
    expect((await view.repository('a'))?.tags.get('x')).toBe(ONE.digest);
  });

  test('is UNAVAILABLE where a document, a shard or the root is absent', async () => {
    await layTree(root, { repositories: [sampleRepository('a', { x: ONE })] });
    const view = await opened(directoryTree(root));
    await unlink(path.join(root, indexPath(await documentOf(view, 'a'))));
    await expect(view.repository('a')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    const fresh = await opened(directoryTree(root));
    await unlink(path.join(root, indexPath(view.shards.get(shardOf('a')) ?? view.digest)));
    await expect(fresh.repository('a')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await unlink(path.join(root, indexPath(view.statement.root)));
    await expect(openTree(directoryTree(root))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  test('is TREE_INVALID where its pointer is no statement, or too large for one', async () => {
    await mkdir(path.join(root, 'serial'));
    for (const content of ['', '{}', 'x'.repeat(100_000)]) {
      await writeFile(path.join(root, POINTER_PATH), content);
      await expect(openTree(directoryTree(root))).rejects.toMatchObject({ code: 'TREE_INVALID' });
    }
  });

  test('is TREE_INVALID where a statement lies under the name of another serial', async () => {
    await layTree(root, { repositories: [] });
    await layTree(root, { repositories: [] });
    const bytes = await directoryTree(root).read(serialPath(2), 10_000);
    await damage(serialPath(1), bytes ?? '');
    await expect(readStatement(directoryTree(root), 1)).rejects.toThrow(/statement of serial 2/);
  });

  test('is TREE_INVALID where a shard gives a name the document of another', async () => {
    await layTree(root, { repositories: [sampleRepository('a', { x: ONE })] });
    const digest = await documentOf(await opened(directoryTree(root)), 'a');
    const other = ['b', 'c', 'd'].map((name) => [name, digest] as const);
    const shard = encodeShard({ repositories: new Map(other) });
    const document = encodeRoot({ shards: new Map(other.map(([name]) => [shardOf(name), shard.digest])) });
    const { statement } = await opened(directoryTree(root));
    const pointer = encodeStatement({ ...statement, root: document.digest });
    for (const { path: file, bytes } of [shard, document]) {
      await mkdir(path.join(root, path.dirname(file)), { recursive: true });
      await writeFile(path.join(root, file), bytes);
    }
    await damage(POINTER_PATH, pointer.bytes);
    const view = await opened(directoryTree(root));
    await expect(view.repository('b')).rejects.toThrow(/named for "b", and is of "a"/);
  });
});

describe('what differs between two states', () => {
  test('is found by tag, and equal shards and repositories are not read', async () => {
    const kept = Array.from({ length: 20 }, (_, at) => sampleRepository(`kept/${at}`, { x: ONE }));
    await layTree(root, {
      repositories: [
        ...kept,
        sampleRepository('moved', { a: ONE, b: ONE, c: ONE }),
        sampleRepository('gone', { a: ONE }),
      ],
    });
    await layTree(root, {
      repositories: [
        ...kept,
        sampleRepository('moved', { a: ONE, b: TWO, d: ONE }),
        sampleRepository('new', { a: TWO }),
      ],
    });
    const source = counting(directoryTree(root));
    const [before, after] = [await opened(source, { serial: 1 }), await opened(source)];
    source.reads.length = 0;
    const differences = await Array.fromAsync(diffTrees(before, after));
    expect(differences.toSorted((a, b) => (a.repository + a.tag < b.repository + b.tag ? -1 : 1))).toEqual([
      { repository: 'gone', tag: 'a', from: ONE.digest },
      { repository: 'moved', tag: 'b', from: ONE.digest, to: TWO.digest },
      { repository: 'moved', tag: 'c', from: ONE.digest },
      { repository: 'moved', tag: 'd', to: ONE.digest },
      { repository: 'new', tag: 'a', to: TWO.digest },
    ]);
    // At most three shards and three documents, each in two states.
    expect(source.reads.length).toBeLessThanOrEqual(10);
    source.reads.length = 0;
    expect(await Array.fromAsync(diffTrees(after, after))).toEqual([]);
    expect(source.reads).toEqual([]);
  });
});
