import { digestOf, MANIFEST_MEDIA_TYPES } from '@gantry/oci';
import { directoryTree, layTree, manifestPath, openTree, type TreeView } from '@gantry/tree';
import { rm } from 'node:fs/promises';
import { get, type IncomingMessage } from 'node:http';
import path from 'node:path';
import { type Crane } from '../crane.ts';
import { ask, sampleImage, sampleIndex, startTestCrane, temporaryFolder } from '../crane.fixture.ts';
import { createRepositories } from '../repositories/repositories.ts';
import { createManifestBytes } from './manifest-bytes.ts';
import { parseRoute } from './route.ts';
import { createSuitManifest } from './suited-manifest.ts';

const INDEX = MANIFEST_MEDIA_TYPES['oci-index'];
const MANIFEST = MANIFEST_MEDIA_TYPES['oci-manifest'];
const DOCKER = MANIFEST_MEDIA_TYPES['docker-manifest'];
const images = { arm64: sampleImage(), amd64: sampleImage() };
const index = Buffer.from(
  JSON.stringify({
    schemaVersion: 2,
    mediaType: INDEX,
    manifests: Object.entries(images).map(([architecture, { manifest, digest }]) => ({
      mediaType: MANIFEST,
      digest,
      size: manifest.length,
      platform: { os: 'linux', architecture },
    })),
  }),
);

async function openScene() {
  await using resources = new AsyncDisposableStack();
  const folder = resources.use(await temporaryFolder());
  const tagged = { latest: digestOf(index), single: images.arm64.digest };
  await layTree(folder.path, {
    repositories: [
      {
        name: 'app',
        tags: new Map(Object.entries(tagged)),
        manifests: [index, images.arm64.manifest, images.amd64.manifest],
        blobs: [...images.arm64.blobs, ...images.amd64.blobs],
      },
    ],
  });
  const crane = resources.use(await startTestCrane({ tree: folder.path }));
  const open = resources.move();
  return { crane, directory: folder.path, [Symbol.asyncDispose]: () => open.disposeAsync() };
}

/** The digest that comes, by HEAD and by GET, with each of `accept` a header line of its own. */
async function digests(crane: Crane, reference: string, accept: readonly string[]): Promise<Set<unknown>> {
  const answers = ['HEAD', 'GET'].map(async (method) => {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    get(
      `${crane.url}/v2/app/manifests/${reference}`,
      { method, headers: { accept: [...accept] } },
      resolve,
    ).on('error', reject);
    const reply = await promise;
    const bytes = Buffer.concat(await Array.fromAsync(reply as AsyncIterable<Uint8Array>));
    const said = reply.headers['docker-content-digest'];
    expect(method === 'GET' ? digestOf(bytes) : said).toBe(said);
    expect([reply.statusCode, reply.headers.vary]).toEqual([
      200,
      reference.includes(':') ? undefined : 'Accept',
    ]);
    return said;
  });
  return new Set(await Promise.all(answers));
}

const AMD64 = new Set([images.amd64.digest]);
const WHOLE = new Set([digestOf(index)]);

test.each([
  ['lists both', [`${INDEX}, ${MANIFEST}`], WHOLE],
  ['takes anything', ['*/*'], WHOLE],
  ['says in a line of its own that it takes indexes', [MANIFEST, INDEX], WHOLE],
  ['likes images more', [`${MANIFEST};q=1, ${INDEX};q=0.1`], WHOLE],
  ['lists images alone', [MANIFEST], AMD64],
  ['refuses indexes by q=0', [`*/*, ${INDEX};q=0`], AMD64],
  ['lists images of another kind alone, which there is none of', [DOCKER], WHOLE],
  ['lists nothing that there is', ['text/html'], WHOLE],
])('of a tag that is an index a client that %s gets what suits it', async (_, accept, expected) => {
  await using scene = await openScene();
  expect(await digests(scene.crane, 'latest', accept)).toEqual(expected);
});

test('a digest is a digest, and a tag of an image that image, whatever is listed', async () => {
  await using scene = await openScene();
  expect(await digests(scene.crane, digestOf(index), [MANIFEST])).toEqual(WHOLE);
  expect(await digests(scene.crane, 'single', [INDEX])).toEqual(new Set([images.arm64.digest]));
});

test('of a serial that is named, too', async () => {
  await using scene = await openScene();
  expect(await digests(scene.crane, 'latest?serial=1', [MANIFEST])).toEqual(AMD64);
});

test('with the image comes the whole repository', async () => {
  await using scene = await openScene();
  const source = directoryTree(scene.directory);
  const view = (await openTree(source)) as TreeView;
  const repositories = createRepositories({
    source,
    maxBytes: 1024 * 1024,
    treeState: () => ({ state: 'following', view }),
    tellError: () => undefined,
    failures: { value: 0 },
  });
  const suit = createSuitManifest(createManifestBytes(source, 1024 * 1024), () => undefined);
  const route = parseRoute('/v2/app/manifests/latest');
  if (route.kind !== 'manifest') throw new Error('that asks for a manifest');
  const suited = await suit(route, await repositories.lookup('app'), MANIFEST);
  const { repository, manifest } = suited ?? {};
  expect(manifest?.digest).toBe(images.amd64.digest);
  expect(repository).toMatchObject({ state: 'known', isFormer: false });
  expect(repository?.manifest(route.reference)?.digest).toBe(digestOf(index));
  expect(repository?.blob(images.amd64.layer)?.size).toBe(1000);
  expect(repository?.tagNames()).toEqual(['latest', 'single']);
  expect(repository?.referrers(images.amd64.digest)).toBeUndefined();
  expect(repository?.kept().tagNames()).toEqual(['latest', 'single']);
});

test('an index that can not be read is answered as it would be to anybody', async () => {
  await using scene = await openScene();
  await rm(path.join(scene.directory, manifestPath('oci-index', digestOf(index))));
  const head = await ask(scene.crane, '/v2/app/manifests/latest', {
    method: 'HEAD',
    headers: { accept: MANIFEST },
  });
  expect(head.headers.get('docker-content-digest')).toBe(digestOf(index));
  expect((await ask(scene.crane, '/v2/app/manifests/latest', { headers: { accept: MANIFEST } })).status).toBe(
    503,
  );
});

test('an index without an image for linux/amd64 is the answer itself, asked for twice, too', async () => {
  await using folder = await temporaryFolder();
  const image = sampleImage();
  const own = sampleIndex([image]);
  await layTree(folder.path, {
    repositories: [
      {
        name: 'app',
        tags: new Map([['latest', own.digest]]),
        manifests: [own.manifest, image.manifest],
        blobs: image.blobs,
      },
    ],
  });
  await using crane = await startTestCrane({ tree: folder.path });
  for (let count = 0; count < 2; count++)
    expect(await digests(crane, 'latest', [MANIFEST])).toEqual(new Set([own.digest]));
});
