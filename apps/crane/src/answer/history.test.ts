import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import {
  directoryTree,
  indexPath,
  layTree,
  openTree,
  serialPath,
  type TreeSource,
  type TreeView,
} from '@gantry/tree';
import { ask, repositoryOf, sampleImage, startTestCrane, temporaryFolder } from '../crane.fixture.ts';
import { createHistory, type History } from './history.ts';
import { createStatementChain } from './statement-chain.ts';

/** A tree whose tag was first one image and then another, and a crane that serves all from it. */
async function openScene() {
  await using resources = new AsyncDisposableStack();
  const folder = resources.use(await temporaryFolder());
  const [first, second] = [sampleImage(), sampleImage()];
  await layTree(folder.path, { repositories: [repositoryOf('app', { latest: first, old: first })] });
  await layTree(folder.path, { repositories: [repositoryOf('app', { latest: second }, [first])] });
  const crane = resources.use(await startTestCrane({ tree: folder.path }));
  const open = resources.move();
  return {
    first,
    second,
    folder: folder.path,
    crane,
    digestAt: async (target: string) => {
      const answer = await ask(crane, `/v2/app/manifests/${target}`);
      const { errors } = answer.ok
        ? { errors: [] }
        : ((await answer.json()) as { errors: { code: string }[] });
      return answer.headers.get('docker-content-digest') ?? `${answer.status} ${errors[0]?.code}`;
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

test('a tag means at a serial what it meant then', async () => {
  await using scene = await openScene();
  const { first, second, digestAt } = scene;
  expect(await digestAt('latest')).toBe(second.digest);
  expect(await digestAt('latest?serial=1')).toBe(first.digest);
  expect(await digestAt('old?serial=1')).toBe(first.digest);
  expect(await digestAt('latest?serial=2')).toBe(second.digest);
  expect(await digestAt('old?serial=2')).toBe('404 MANIFEST_UNKNOWN');
});

test('a serial that is not there yet, or is none, is said so', async () => {
  await using scene = await openScene();
  expect(await scene.digestAt('latest?serial=3')).toBe('404 MANIFEST_UNKNOWN');
  expect(await scene.digestAt('latest?serial=999999999999')).toBe('404 MANIFEST_UNKNOWN');
  for (const wrong of ['0', '-1', 'x', '1e3', ''])
    expect(await scene.digestAt(`latest?serial=${wrong}`)).toBe('400 UNSUPPORTED');
  const answer = await ask(scene.crane, '/v2/nobody/manifests/latest?serial=1');
  expect(await answer.json()).toMatchObject({ errors: [{ code: 'NAME_UNKNOWN' }] });
});

/** A tree of as many serials, `latest` another image in each, with the path of each one's root. */
async function layHistory(count: number) {
  await using resources = new AsyncDisposableStack();
  const folder = resources.use(await temporaryFolder()).path;
  const source = directoryTree(folder);
  const serials: { image: ReturnType<typeof sampleImage>; view: TreeView; root: string; document: string }[] =
    [];
  for (let serial = 1; serial <= count; serial++) {
    const image = sampleImage();
    await layTree(folder, { repositories: [repositoryOf('app', { latest: image })] });
    const view = await openTree(source);
    if (view === undefined) throw new Error(`no serial ${serial}`);
    const [root, document] = [view.statement.root, await view.repositoryDigest('app')];
    serials.push({ image, view, root: indexPath(root), document: indexPath(document ?? root) });
  }
  const resource = resources.move();
  const view = () => serials.at(-1)?.view;
  return {
    folder,
    source,
    serials,
    remove: (file: string | undefined) => rm(path.join(folder, file ?? '')),
    /** As a crane reads it that was just started. */
    latest: (serial: number) => latestAt(createHistory({ source, view, tellError: () => undefined }), serial),
    [Symbol.asyncDispose]: () => resource.disposeAsync(),
  };
}

const notKept = (serial: number) => ({ state: 'not kept', serial });
const UNREADABLE = { state: 'unreadable' };

test('serials whose roots were collected are kept no more; those after them are', async () => {
  await using tree = await layHistory(4);
  for (const { root } of tree.serials.slice(0, 2)) await tree.remove(root);
  expect(await tree.latest(1)).toEqual(notKept(1));
  expect(await tree.latest(2)).toEqual(notKept(2));
  expect(await tree.latest(3)).toBe(tree.serials[2]?.image.digest);
});

test('a root that is lost where the serial beside it has its own is damage, and nothing is said to be gone', async () => {
  for (const lost of [1, 2, 3]) {
    await using tree = await layHistory(4);
    await tree.remove(tree.serials[lost - 1]?.root);
    expect(await tree.latest(lost)).toEqual(UNREADABLE);
    await tree.remove(serialPath(lost === 1 ? 2 : lost - 1));
    expect(await tree.latest(lost)).toEqual(UNREADABLE);
  }
});

test('a document that is lost or damaged is unavailable, and served again when it is whole', async () => {
  await using tree = await layHistory(2);
  const first = tree.serials[0];
  if (first === undefined) throw new Error('no serial 1');
  const { document, root, image } = first;
  for (const name of [document, root]) {
    const file = path.join(tree.folder, name);
    const bytes = await readFile(file);
    await writeFile(file, bytes.subarray(1));
    expect(await tree.latest(1)).toEqual(UNREADABLE);
    await rm(file);
    expect(await tree.latest(1)).toEqual(UNREADABLE);
    await writeFile(file, bytes);
    expect(await tree.latest(1)).toBe(image.digest);
  }
});

test('the serial that is served needs no second look at its root', async () => {
  await using tree = await layHistory(2);
  await tree.remove(tree.serials[1]?.root);
  expect(await tree.latest(2)).toBe(tree.serials[1]?.image.digest);
});

test('an earlier serial that can not be read is 503 for a client, and one that is not kept is 404', async () => {
  await using scene = await openScene();
  const { folder, second, digestAt } = scene;
  await rm(path.join(folder, serialPath(1)));
  expect(await digestAt('latest?serial=1')).toBe('503 UNAVAILABLE');
  expect(await digestAt('latest')).toBe(second.digest);
});

test('a statement that the chain does not name is not believed', async () => {
  await using scene = await openScene();
  await using other = await temporaryFolder();
  await layTree(other.path, { repositories: [repositoryOf('app', { latest: sampleImage() })] });
  await cp(path.join(other.path, serialPath(1)), path.join(scene.folder, serialPath(1)), { force: true });
  expect(await scene.digestAt('latest?serial=1')).toBe('503 UNAVAILABLE');
});

test('a statement that is another when it is read again is not believed', async () => {
  await using tree = await layHistory(2);
  let reads = 0;
  const read: TreeSource['read'] = async (file, ...rest) => {
    if (file !== serialPath(1)) return tree.source.read(file, ...rest);
    return tree.source.read(reads++ === 0 ? file : serialPath(9), ...rest);
  };
  const view = () => tree.serials[1]?.view;
  const history = createHistory({ source: { ...tree.source, read }, view, tellError: () => undefined });
  expect(await history.lookup('app', 1)).toEqual(UNREADABLE);
  expect(reads).toBe(2);
});

async function latestAt(history: History, serial: number): Promise<unknown> {
  const found = await history.lookup('app', serial);
  return found.state === 'known' ? found.manifest({ tag: 'latest' })?.digest : found;
}

test('earlier serials are proved link by link; one that was left out is none; past a lost one nobody can say', async () => {
  await using folder = await temporaryFolder();
  const images = [sampleImage(), sampleImage(), sampleImage()] as const;
  for (const [at, image] of images.entries())
    await layTree(folder.path, {
      serial: [1, 2, 4][at] as number,
      repositories: [repositoryOf('app', { latest: image })],
    });
  const source = directoryTree(folder.path);
  const view = await openTree(source);
  const historyOf = () => createHistory({ source, view: () => view, tellError: () => undefined });
  const history = historyOf();
  for (const [at, serial] of [1, 2, 4].entries())
    expect(await latestAt(history, serial)).toBe(images[at]?.digest);
  expect(await latestAt(history, 3)).toEqual(notKept(3));

  await rm(path.join(folder.path, serialPath(1)));
  expect(await latestAt(historyOf(), 1)).toEqual(UNREADABLE);
  await rm(path.join(folder.path, serialPath(2)));
  expect(await latestAt(historyOf(), 1)).toEqual(UNREADABLE);
  expect(await latestAt(historyOf(), 4)).toBe(images[2].digest);
});

test('each statement of the chain is read once, however many ask; a new serial is joined to those that are known', async () => {
  await using tree = await layHistory(6);
  const reads: string[] = [];
  const source: TreeSource = {
    ...tree.source,
    read(file, ...rest) {
      reads.push(file);
      return tree.source.read(file, ...rest);
    },
  };
  const chain = createStatementChain(source);
  const viewAt = (serial: number) => tree.serials[serial - 1]?.view as TreeView;
  const asked = await Promise.all(Array.from({ length: 10 }, () => chain.prove(viewAt(4), 1)));
  expect(new Set(asked.map((found) => found?.digest))).toEqual(new Set([viewAt(1).digest]));
  expect(reads).toEqual([serialPath(3), serialPath(2)]);
  // One serial later it names the newest that is known; two later, the one between them is read.
  expect(await chain.prove(viewAt(5), 1)).toEqual({ digest: viewAt(1).digest, next: 2 });
  expect(await chain.prove(viewAt(5), 4)).toEqual({ digest: viewAt(4).digest, next: 5 });
  expect(reads).toHaveLength(2);
  const late = createStatementChain(source);
  await late.prove(viewAt(3), 1);
  reads.length = 0;
  expect(await late.prove(viewAt(6), 3)).toEqual({ digest: viewAt(3).digest, next: 4 });
  expect(await late.prove(viewAt(6), 1)).toEqual({ digest: viewAt(1).digest, next: 2 });
  expect(reads).toEqual([serialPath(5), serialPath(4)]);
});

test('another chain, as a restored tree has it, takes the place of the one that was known', async () => {
  await using tree = await layHistory(3);
  await using other = await layHistory(2);
  const chain = createStatementChain(tree.source);
  const [third, theirs] = [tree.serials[2]?.view, other.serials[1]?.view] as [TreeView, TreeView];
  expect(await chain.prove(third, 2)).toMatchObject({ digest: tree.serials[1]?.view.digest });
  expect(await chain.prove(theirs, 1)).toMatchObject({ digest: other.serials[0]?.view.digest });
  expect(await chain.prove(third, 1)).toMatchObject({ digest: tree.serials[0]?.view.digest });
});

test('a chain that begins later has no serial before its first, whatever was known of another', async () => {
  await using tree = await layHistory(2);
  await using folder = await temporaryFolder();
  await layTree(folder.path, { serial: 5, repositories: [repositoryOf('app', { latest: sampleImage() })] });
  const fifth = (await openTree(directoryTree(folder.path))) as TreeView;
  const chain = createStatementChain(tree.source);
  expect(await chain.prove(tree.serials[1]?.view as TreeView, 1)).toBeDefined();
  for (const serial of [1, 4]) expect(await chain.prove(fifth, serial)).toBeUndefined();
  expect(await chain.prove(fifth, 5)).toEqual({ digest: fifth.digest, next: 5 });
});

test('where the tree can not be read an earlier serial is unavailable, and that is told', async () => {
  await using folder = await temporaryFolder();
  for (const image of [sampleImage(), sampleImage()])
    await layTree(folder.path, { repositories: [repositoryOf('app', { latest: image })] });
  const tree = directoryTree(folder.path);
  const view = await openTree(tree);
  const source = { ...tree, read: () => Promise.reject(new Error('the disk is gone')) };
  const told: string[] = [];
  const history = createHistory({ source, view: () => view, tellError: (_, message) => told.push(message) });
  expect(await history.lookup('app', 1)).toEqual(UNREADABLE);
  expect(told).toEqual(['the disk is gone']);
});

test('of those who wait for earlier serials a hundred are served, and the next are told to come back', async () => {
  await using folder = await temporaryFolder();
  for (const image of [sampleImage(), sampleImage()])
    await layTree(folder.path, { repositories: [repositoryOf('app', { latest: image })] });
  const tree = directoryTree(folder.path);
  const view = await openTree(tree);
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  const source: TreeSource = {
    ...tree,
    read: async (...asked) => {
      await opened;
      return tree.read(...asked);
    },
  };
  const history = createHistory({ source, view: () => view, tellError: () => undefined });
  const asked = Array.from({ length: 103 }, () => history.lookup('app', 1));
  open();
  const states = (await Promise.all(asked)).map(({ state }) => state);
  expect(states).toEqual([...Array<string>(100).fill('known'), ...Array<string>(3).fill('unreadable')]);
});

test('hundreds who ask for earlier serials at once are all answered, and hold nobody up', async () => {
  await using scene = await openScene();
  const asked = Array.from({ length: 300 }, () => ask(scene.crane, '/v2/app/manifests/latest?serial=1'));
  expect((await ask(scene.crane, '/v2/app/manifests/latest')).status).toBe(200);
  const statuses = new Set((await Promise.all(asked)).map(({ status }) => status));
  expect([...statuses].every((status) => status === 200 || status === 503)).toBe(true);
  expect(statuses).toContain(200);
});
