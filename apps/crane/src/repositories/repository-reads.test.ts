import { type Digest } from '@gantry/oci';
import { directoryTree, indexPath, layTree, openTree, type TreeSource, type TreeView } from '@gantry/tree';
import { repositoryOf, sampleImage, temporaryFolder, until } from '../crane.fixture.ts';
import { createRepositories, READS_AT_ONCE } from './repositories.ts';

/** A source that counts what is read, and keeps back what it is told to. */
function watched(inner: TreeSource) {
  const reads: string[] = [];
  const held = new Map<string, Promise<void>>();
  const source: TreeSource = {
    ...inner,
    async read(file, maxBytes) {
      reads.push(file);
      await held.get(file);
      return inner.read(file, maxBytes);
    },
  };
  return { source, reads, held };
}

async function worldOf(names: readonly string[]) {
  const folder = await temporaryFolder();
  const image = sampleImage();
  const lay = (changed: readonly string[] = []) =>
    layTree(folder.path, {
      repositories: names.map((name) =>
        repositoryOf(name, changed.includes(name) ? { latest: image, next: image } : { latest: image }),
      ),
    });
  await lay();
  const { source, reads, held } = watched(directoryTree(folder.path));
  let view: TreeView | undefined;
  const open = async () => {
    view = await openTree(source, view === undefined ? {} : { previous: view });
    return view as TreeView;
  };
  await open();
  const repositories = createRepositories({
    source,
    maxBytes: 1024 * 1024,
    treeState: () => ({ state: 'following', view: view as TreeView }),
    tellError: () => undefined,
    failures: { value: 0 },
  });
  return { lay, open, reads, held, repositories, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

const names = (count: number) => Array.from({ length: count }, (_, at) => `team/app-${at}`);

test.each([1, 300])(
  'the start reads the pointer and the root, whatever the catalogue: %i repositories',
  async (count) => {
    await using world = await worldOf(names(count));
    expect(world.reads.length).toBe(2);
  },
);

test('of a new serial with one changed repository just its shard and its document are read', async () => {
  const all = names(100);
  await using world = await worldOf(all);
  for (const name of all) await world.repositories.lookup(name);
  await world.lay(['team/app-7']);
  world.reads.length = 0;
  await world.open();
  for (const name of all) expect(await world.repositories.lookup(name)).toMatchObject({ state: 'known' });
  expect(world.reads.length).toBe(4); // pointer, root, shard, document
  const changed = await world.repositories.lookup('team/app-7');
  expect(changed.state === 'known' && changed.tagNames()).toEqual(['latest', 'next']);
});

test('many who wait for a repository share one load', async () => {
  await using world = await worldOf(names(1));
  world.reads.length = 0;
  const found = await Promise.all(
    Array.from({ length: 1000 }, async () => world.repositories.lookup('team/app-0')),
  );
  expect(new Set(found.map(({ state }) => state))).toEqual(new Set(['known']));
  expect(world.reads.length).toBe(2); // shard, document
});

test('names that are not there cost no reading once their shard was read', async () => {
  await using world = await worldOf(names(300));
  for (const name of names(300)) await world.repositories.lookup(name);
  world.reads.length = 0;
  for (let at = 0; at < 1000; at++) {
    expect(await world.repositories.lookup(`team/none-${at}`)).toEqual({ state: 'absent' });
  }
  expect(world.reads.length).toBeLessThanOrEqual(256); // shards without a name that was asked for before
});

test('a document that does not come holds up nobody who asks for another', async () => {
  await using world = await worldOf(['slow', 'quick']);
  const view = await world.open();
  const digest = await view.repositoryDigest('slow');
  const { promise, resolve } = Promise.withResolvers<void>();
  const file = indexPath(digest as Digest);
  world.held.set(file, promise);
  let isAnswered = false;
  const slow = Promise.resolve(world.repositories.lookup('slow')).then((found) => {
    isAnswered = true;
    return found;
  });
  expect(await world.repositories.lookup('quick')).toMatchObject({ state: 'known' });
  expect([isAnswered, world.reads.includes(file)]).toEqual([false, true]);
  resolve();
  expect(await slow).toMatchObject({ state: 'known' });
});

test('many documents that do not come hold up neither what is known nor, for long, what is read', async () => {
  const all = names(40);
  await using world = await worldOf([...all, 'known', 'other']);
  expect(await world.repositories.lookup('known')).toMatchObject({ state: 'known' });
  const view = await world.open();
  const documents = await Promise.all(
    all.map(async (name) => indexPath((await view.repositoryDigest(name)) as Digest)),
  );
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const file of documents) world.held.set(file, promise);
  world.reads.length = 0;
  const asked = all.map(async (name) => world.repositories.lookup(name));
  await until(() => world.reads.length >= READS_AT_ONCE);
  expect(world.repositories.lookup('known')).toMatchObject({ state: 'known' });
  expect(await world.repositories.lookup('other')).toMatchObject({ state: 'known' });
  resolve();
  const found = await Promise.all(asked);
  expect(new Set(found.map(({ state }) => state))).toEqual(new Set(['known']));
  expect(world.reads).toEqual(expect.arrayContaining(documents));
});
