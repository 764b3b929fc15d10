import path from 'node:path';
import { digestOf } from '@gantry/oci';
import { blobPath, directoryTree, indexPath, layTree, manifestPath, openTree } from '@gantry/tree';
import { repositoryOf, sampleImage, sampleIndex, temporaryFolder } from '../crane.fixture.ts';
import { createCarriedPart } from './carried-part.ts';
import { pickRepositories, SAMPLED_REPOSITORIES } from './carried-repositories.ts';

const carriesPlain = (name: string) => name.startsWith('plain/');

async function openPlace() {
  const folder = await temporaryFolder();
  const source = directoryTree(path.join(folder.path, 'tree'));
  return {
    source,
    /** Publishes these as the next serial. */
    async lay(...repositories: Parameters<typeof layTree>[1]['repositories']) {
      await layTree(path.join(folder.path, 'tree'), { repositories });
      const view = await openTree(source);
      if (view === undefined) throw new Error('it was laid');
      return view;
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

const pathsOf = ({ objects }: { readonly objects: readonly { readonly path: string }[] }) =>
  objects.map((object) => object.path).toSorted();

test('what is to be there is of the repositories that are carried, and of the whole nothing but the root', async () => {
  await using place = await openPlace();
  const [mine, foreign] = [sampleImage(), sampleImage()];
  const view = await place.lay(repositoryOf('plain/app', { a: mine }), repositoryOf('other', { a: foreign }));
  const part = createCarriedPart(place.source, carriesPlain);
  await part.learn(view);
  const document = await view.repositoryDigest('plain/app');
  expect(pathsOf(await part.additions(0, view))).toEqual(
    [
      indexPath(view.statement.root),
      indexPath(document ?? 'sha256:'),
      manifestPath('oci-manifest', mine.digest),
      ...mine.blobs.map((bytes) => blobPath(digestOf(bytes))),
    ].toSorted(),
  );
  expect([...part.exemplars.values()].map((one) => one.path)).toEqual([
    manifestPath('oci-manifest', mine.digest),
  ]);
  expect([...part.samples.keys()]).not.toContain(blobPath(foreign.layer));
  expect(part.samples.size).toBe(mine.blobs.length);
});

test('of a new serial it is what the repositories had not before, also where the pool had it', async () => {
  await using place = await openPlace();
  const [mine, foreign] = [sampleImage(), sampleImage()];
  const other = repositoryOf('other', { a: foreign });
  const first = await place.lay(repositoryOf('plain/app', { a: mine }), other);
  const part = createCarriedPart(place.source, carriesPlain);
  await part.learn(first);
  const second = await place.lay(repositoryOf('plain/app', { a: mine, b: foreign }), other);
  await part.learn(second);
  const added = pathsOf(await part.additions(first.statement.serial, second));
  expect(added).toContain(blobPath(foreign.layer));
  expect(added).not.toContain(blobPath(mine.layer));
  // A mirror that lags is compared with what was there then.
  expect(pathsOf(await part.additions(0, first))).not.toContain(blobPath(foreign.layer));
});

test('what no carried repository has any more is not looked for, and a new kind of manifest is', async () => {
  await using place = await openPlace();
  const [former, later] = [sampleImage(), sampleImage()];
  const other = repositoryOf('other', { a: former });
  const part = createCarriedPart(place.source, carriesPlain);
  await part.learn(await place.lay(repositoryOf('plain/app', { a: former }), other));
  const index = sampleIndex([later]);
  await part.learn(
    await place.lay(
      {
        name: 'plain/app',
        tags: { a: index.digest },
        manifests: [later.manifest, index.manifest],
        blobs: later.blobs,
      },
      other,
    ),
  );
  expect([...part.samples.keys()].toSorted()).toEqual(
    later.blobs.map((bytes) => blobPath(digestOf(bytes))).toSorted(),
  );
  expect([...part.exemplars.values()].map((one) => one.path).toSorted()).toEqual([
    manifestPath('oci-index', index.digest),
    manifestPath('oci-manifest', later.digest),
  ]);
});

test('of many repositories a sample is taken, and no more documents are read than that', async () => {
  await using place = await openPlace();
  const image = sampleImage();
  const names = Array.from({ length: 3 * SAMPLED_REPOSITORIES }, (_, number) => `plain/app${number}`);
  const repositories = names.map((name) => repositoryOf(name, { a: image }));
  const view = await place.lay(...repositories);
  const picked = await pickRepositories(view, carriesPlain);
  expect(new Set(picked.map(({ name }) => name)).size).toBe(SAMPLED_REPOSITORIES);
  const read: string[] = [];
  const part = createCarriedPart(
    {
      ...place.source,
      read: (file, ...rest) => {
        read.push(file);
        return place.source.read(file, ...rest);
      },
    },
    carriesPlain,
  );
  await part.learn(view);
  expect(read).toHaveLength(SAMPLED_REPOSITORIES);
  read.length = 0;
  const [, ...rest] = repositories;
  await part.learn(await place.lay(repositoryOf('plain/app0', { a: image, b: sampleImage() }), ...rest));
  expect(read.length).toBeLessThanOrEqual(1);
});
