import { directoryTree, layTree, openTree } from '@gantry/tree';
import { repositoryOf, sampleImage, temporaryFolder } from '../crane.fixture.ts';
import { PackedRepository } from './packed-repository.ts';
import { readRepository } from './read-repository.ts';

test('a document is read for the repository that it is of, and for no other', async () => {
  await using folder = await temporaryFolder();
  const image = sampleImage();
  await layTree(folder.path, { repositories: [repositoryOf('team/app', { latest: image })] });
  const source = directoryTree(folder.path);
  const digest = await (await openTree(source))?.repositoryDigest('team/app');
  if (digest === undefined) throw new Error('the tree has no team/app');
  const repository = new PackedRepository(await readRepository(source, 'team/app', digest));
  expect(repository.manifest({ tag: 'latest' })?.digest).toBe(image.digest);
  await expect(readRepository(source, 'team/other', digest)).rejects.toMatchObject({
    code: 'TREE_INVALID',
    message: expect.stringContaining('named for "team/other", and is of "team/app"') as string,
  });
});
