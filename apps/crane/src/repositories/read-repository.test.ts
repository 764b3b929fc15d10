import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { digestOf } from '@gantry/oci';
import { directoryTree, encodeRepository, indexPath, layTree, openTree } from '@gantry/tree';
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

test('a document in parts is read whole', async () => {
  await using folder = await temporaryFolder();
  const [one, two] = [digestOf('1'), digestOf('2')];
  const { document, parts } = encodeRepository(
    {
      name: 'team/app',
      channel: 'stable',
      tags: new Map([
        ['a', one],
        ['b', two],
      ]),
      manifests: new Map([
        [one, { kind: 'oci-manifest', size: 1, since: 1 }],
        [two, { kind: 'oci-manifest', size: 2, since: 2 }],
      ]),
      blobs: new Map(),
      referrers: new Map(),
    },
    1,
  );
  for (const { path: file, bytes } of [document, ...parts]) {
    await mkdir(path.dirname(path.join(folder.path, file)), { recursive: true });
    await writeFile(path.join(folder.path, file), bytes);
  }
  const read = await readRepository(directoryTree(folder.path), 'team/app', document.digest);
  expect(parts.length).toBeGreaterThan(2);
  expect(new PackedRepository(read).manifest({ tag: 'b' })).toMatchObject({ digest: two, size: 2, since: 2 });
});
