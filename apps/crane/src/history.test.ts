import { cp, rm } from 'node:fs/promises';
import path from 'node:path';
import { directoryTree, indexPath, layTree, openTree, serialPath, type TreeSource } from '@gantry/tree';
import { ask, repositoryOf, sampleImage, startTestCrane, temporaryFolder } from './crane.fixture.ts';
import { createHistory, type History } from './history.ts';

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

test('a serial whose documents are gone is kept no more; the present one is served on', async () => {
  await using scene = await openScene();
  const { folder, second, digestAt } = scene;
  const then = await openTree(directoryTree(folder), { serial: 1 });
  if (then === undefined) throw new Error('no serial 1');
  await rm(path.join(folder, indexPath(then.statement.root)));
  expect(await digestAt('latest?serial=1')).toBe('404 MANIFEST_UNKNOWN');
  expect(await digestAt('latest')).toBe(second.digest);
});

test('a statement that the chain does not name is not believed', async () => {
  await using scene = await openScene();
  await using other = await temporaryFolder();
  await layTree(other.path, { repositories: [repositoryOf('app', { latest: sampleImage() })] });
  await cp(path.join(other.path, serialPath(1)), path.join(scene.folder, serialPath(1)), { force: true });
  expect(await scene.digestAt('latest?serial=1')).toBe('404 MANIFEST_UNKNOWN');
});

async function latestAt(history: History, serial: number): Promise<unknown> {
  const found = await history.lookup('app', serial);
  return found.state === 'known' ? found.manifest({ tag: 'latest' })?.digest : found;
}

test('earlier serials are proved link by link; one that was left out, or whose link is gone, is none', async () => {
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
  expect(await latestAt(history, 3)).toEqual({ state: 'not kept', serial: 3 });

  await rm(path.join(folder.path, serialPath(1)));
  expect(await latestAt(historyOf(), 1)).toEqual({ state: 'not kept', serial: 1 });
  await rm(path.join(folder.path, serialPath(2)));
  expect(await latestAt(historyOf(), 1)).toEqual({ state: 'not kept', serial: 1 });
  expect(await latestAt(historyOf(), 4)).toBe(images[2].digest);
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
  expect(await history.lookup('app', 1)).toEqual({ state: 'unreadable' });
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
