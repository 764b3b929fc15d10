import { cp, rm } from 'node:fs/promises';
import path from 'node:path';
import { directoryTree, indexPath, layTree, openTree, serialPath } from '@gantry/tree';
import { ask, repositoryOf, sampleImage, startTestCrane, temporaryFolder } from './crane.fixture.ts';

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

test('hundreds who ask for earlier serials at once are all answered, and hold nobody up', async () => {
  await using scene = await openScene();
  const asked = Array.from({ length: 300 }, () => ask(scene.crane, '/v2/app/manifests/latest?serial=1'));
  expect((await ask(scene.crane, '/v2/app/manifests/latest')).status).toBe(200);
  const statuses = new Set((await Promise.all(asked)).map(({ status }) => status));
  expect([...statuses].every((status) => status === 200 || status === 503)).toBe(true);
  expect(statuses).toContain(200);
});
