import { rm } from 'node:fs/promises';
import path from 'node:path';
import { directoryTree, indexPath, layTree, openTree, type TreeView } from '@gantry/tree';
import { repositoryOf, sampleImage, temporaryFolder } from '../crane.fixture.ts';
import type { Lookup } from './repository.ts';
import { createRepositories } from './repositories.ts';

function latest(lookup: Lookup): string | undefined {
  return lookup.state === 'known' ? lookup.manifest({ tag: 'latest' })?.digest : lookup.state;
}

test('a document that can not be read is not asked for again by each request: its last good state goes on', async () => {
  await using folder = await temporaryFolder();
  const [first, second] = [sampleImage(), sampleImage()];
  await layTree(folder.path, { repositories: [repositoryOf('app', { latest: first })] });
  const source = directoryTree(folder.path);
  let view = (await openTree(source)) as TreeView;
  const failures = { value: 0 };
  const repositories = createRepositories({
    source,
    maxBytes: 1024 * 1024,
    treeState: () => ({ state: 'following', view }),
    tellError: () => undefined,
    failures,
  });
  expect(latest(await repositories.lookup('app'))).toBe(first.digest);

  await layTree(folder.path, {
    repositories: ['app', 'new'].map((name) => repositoryOf(name, { latest: second })),
  });
  view = (await openTree(source)) as TreeView;
  for (const [name, expected] of [
    ['app', first.digest],
    ['new', 'unreadable'],
  ] as const) {
    const document = await view.repositoryDigest(name);
    if (document === undefined) throw new Error(`the tree has no ${name}`);
    await rm(path.join(folder.path, indexPath(document)));
    const before = failures.value;
    const asked = await repositories.lookup(name);
    const again = repositories.lookup(name);
    expect([latest(asked), again instanceof Promise, latest(await again)]).toEqual([
      expected,
      false,
      expected,
    ]);
    expect(failures.value).toBe(before + 1);
  }
});
