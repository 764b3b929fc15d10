import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { digestOf } from '@gantry/oci';
import { directoryTree, indexPath, layTree, openTree } from '@gantry/tree';
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

test('a document that is written in another way than Gantry does is read as well', async () => {
  await using folder = await temporaryFolder();
  const image = sampleImage();
  await layTree(folder.path, { repositories: [repositoryOf('team/app', { latest: image })] });
  const source = directoryTree(folder.path);
  const digest = await (await openTree(source))?.repositoryDigest('team/app');
  if (digest === undefined) throw new Error('the tree has no team/app');
  const document: unknown = JSON.parse(await readFile(path.join(folder.path, indexPath(digest)), 'utf8'));
  const spaced = JSON.stringify(document, undefined, 1);
  const place = path.join(folder.path, indexPath(digestOf(spaced)));
  await mkdir(path.dirname(place), { recursive: true });
  await writeFile(place, spaced);
  const repository = new PackedRepository(await readRepository(source, 'team/app', digestOf(spaced)));
  expect(repository.manifest({ tag: 'latest' })?.digest).toBe(image.digest);
});
