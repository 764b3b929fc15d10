import { cp, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { MANIFEST_MEDIA_TYPES } from '@gantry/oci';
import {
  blobPath,
  directoryTree,
  layTree,
  manifestPath,
  mirrorClient,
  openTree,
  POINTER_PATH,
  serialPath,
} from '@gantry/tree';
import {
  repositoryOf,
  sampleImage,
  sampleIndex,
  startMirror,
  startServer,
  temporaryFolder,
  type TestMirror,
} from '../crane.fixture.ts';
import { readMirrors, unprobed } from '../choose/mirror.ts';
import { probeMirror } from './probe-mirror.ts';
import { ALL_WELL, openScene } from './probe-scene.fixture.ts';
import { createProbedTrees } from './probed-tree.ts';

const isBlob = (file: string) => file.startsWith('pool/blobs/');
const isManifest = (file: string) => file.startsWith('pool/manifests/');
const requestsFor = (mirror: TestMirror, part: string) =>
  mirror.requests.filter((line) => line.includes(part));

test('a mirror that has all is believed, with the kinds that it serves rightly', async () => {
  await using scene = await openScene();
  const state = await scene.probe();
  expect(state).toMatchObject(ALL_WELL);
  expect(state.problem).toBeUndefined();
  expect(requestsFor(scene.mirror, 'HEAD /pool/').length).toBeGreaterThanOrEqual(6);
});

test('what was proven at one serial is not asked for again; the pointer, a sample and a manifest of each kind are', async () => {
  await using scene = await openScene();
  const former = await scene.probe();
  scene.mirror.requests.length = 0;
  expect(await scene.probe(former)).toMatchObject(ALL_WELL);
  const [pointer, sample, manifest, ...others] = scene.mirror.requests;
  expect([pointer, manifest, others]).toEqual([
    `GET /${POINTER_PATH}`,
    `GET /${manifestPath('oci-manifest', scene.first.digest)}`,
    [],
  ]);
  expect(sample).toMatch(/^GET \/pool\/blobs\//);
});

test('a new serial is believed once its additions are found; until then the former one holds', async () => {
  await using scene = await openScene();
  const former = await scene.probe();
  await scene.publish();
  expect(await scene.probe(former)).toMatchObject(ALL_WELL);
  await scene.mirror.copyFrom(scene.directory);
  const lost = path.join(scene.mirror.directory, blobPath(scene.second.layer));
  await rm(lost);
  const halfway = await scene.probe(former);
  expect(halfway).toMatchObject(ALL_WELL);
  expect(halfway.problem).toContain('not believed at serial 2');
  await cp(path.join(scene.directory, blobPath(scene.second.layer)), lost);
  scene.mirror.requests.length = 0;
  expect(await scene.probe(halfway)).toMatchObject({ ...ALL_WELL, serial: 2 });
  expect(requestsFor(scene.mirror, `HEAD /${blobPath(scene.first.layer)}`)).toEqual([]);
});

test('a mirror that goes back is believed no further than it says', async () => {
  await using scene = await openScene();
  await scene.publish();
  await scene.mirror.copyFrom(scene.directory);
  const former = await scene.probe();
  expect(former.serial).toBe(2);
  await rm(path.join(scene.mirror.directory, POINTER_PATH));
  await cp(path.join(scene.directory, serialPath(1)), path.join(scene.mirror.directory, POINTER_PATH));
  expect(await scene.probe(former)).toMatchObject(ALL_WELL);
});

test('a mirror that is ahead of the crane is believed at the crane’s serial', async () => {
  await using scene = await openScene();
  await using ahead = await temporaryFolder();
  await cp(scene.directory, ahead.path, { recursive: true });
  await layTree(ahead.path, { repositories: [repositoryOf('app', { second: scene.second })] });
  await scene.mirror.copyFrom(ahead.path);
  expect(await scene.probe()).toMatchObject(ALL_WELL);
});

describe('a mirror is not used', () => {
  test.each<[string, Partial<TestMirror['faults']>, RegExp]>([
    [
      'that has no pointer',
      { status: (file) => (file === POINTER_PATH ? 404 : undefined) },
      /answered with 404/,
    ],
    ['that fails', { status: () => 500 }, /answered with 500/],
    ['whose pointer is garbage', { bytes: () => Buffer.from('<html>') }, /not JSON/],
    ['whose pointer is large', { bytes: () => Buffer.alloc(1_000_000) }, /more than 65536 bytes/],
    [
      'whose pointer is always encoded',
      { headers: () => ({ 'Content-Encoding': 'gzip' }) },
      /Content-Encoding gzip/,
    ],
    ['that lacks a blob', { status: (file) => (isBlob(file) ? 404 : undefined) }, /answered with 404/],
    [
      'whose blobs have other lengths',
      { bytes: (file, bytes) => (isBlob(file) ? Buffer.concat([bytes, bytes]) : bytes) },
      /bytes there, not/,
    ],
    [
      'whose objects have other bytes',
      { bytes: (file, bytes) => (file === POINTER_PATH ? bytes : Buffer.alloc(bytes.length)) },
      /its own bytes/,
    ],
    [
      'that compresses blobs',
      {
        headers: (file, request) =>
          isBlob(file) && request.headers['accept-encoding'] === 'gzip' ? { 'Content-Encoding': 'gzip' } : {},
      },
      /Content-Encoding gzip/,
    ],
    [
      'that redirects in a circle',
      { status: () => 302, headers: () => ({ Location: `/${POINTER_PATH}` }) },
      /redirects more than/,
    ],
    [
      'that redirects to no web address',
      { status: () => 302, headers: () => ({ Location: 'file:///etc/passwd' }) },
      /no http or https/,
    ],
  ])('%s', async (_, faults, problem) => {
    await using scene = await openScene();
    scene.mirror.faults = faults;
    const state = await scene.probe();
    expect(state).toMatchObject({ healthy: false, serial: 0 });
    expect(state.problem).toMatch(problem);
  });

  test('that carries another tree', async () => {
    await using scene = await openScene();
    await using other = await openScene('another');
    expect(await scene.probe(undefined, other.mirror.url)).toMatchObject({
      healthy: false,
      problem: expect.stringContaining('another tree') as string,
    });
  });

  test('that is a fork, at the crane’s serial or at a former one', async () => {
    await using scene = await openScene();
    await using fork = await openScene();
    const problem = expect.stringContaining('fork') as string;
    expect(await scene.probe(undefined, fork.mirror.url)).toMatchObject({ healthy: false, problem });
    await scene.publish();
    expect(await scene.probe(undefined, fork.mirror.url)).toMatchObject({ healthy: false, problem });
  });

  test('that is behind and expired; one that is as far as the crane is used', async () => {
    await using folder = await temporaryFolder();
    const directory = path.join(folder.path, 'tree');
    const long = Date.now() - 30 * 24 * 3600 * 1000;
    await layTree(directory, {
      repositories: [repositoryOf('app', { a: sampleImage() })],
      publishedMs: long,
    });
    await using mirror = await startMirror();
    await mirror.copyFrom(directory);
    const source = directoryTree(directory);
    const probe = async () => {
      const view = await openTree(source);
      const [configured] = readMirrors([{ name: 'one', url: mirror.url }]);
      if (view === undefined || configured === undefined) throw new Error('nothing');
      await using client = mirrorClient(configured.base, {
        userAgent: 'test',
        timeoutMs: 10_000,
        signal: new AbortController().signal,
      });
      const { state } = await probeMirror(
        client,
        unprobed(configured),
        await createProbedTrees(source).at(view),
      );
      return state;
    };
    expect(await probe()).toMatchObject(ALL_WELL);
    await layTree(directory, { repositories: [repositoryOf('app', { a: sampleImage() })] });
    expect(await probe()).toMatchObject({
      healthy: false,
      problem: expect.stringContaining('expired') as string,
    });
  });

  test('that does not answer, or not in time', async () => {
    await using scene = await openScene();
    let url: string;
    {
      await using silent = await startServer(() => undefined);
      ({ url } = silent);
      expect(await scene.probe(undefined, url)).toMatchObject({ healthy: false });
    }
    const problem = expect.stringContaining('ECONNREFUSED') as string;
    expect(await scene.probe(undefined, url)).toMatchObject({ healthy: false, problem });
  });
});

describe('a kind of manifest is not proven', () => {
  test.each<[string, Partial<TestMirror['faults']>, RegExp]>([
    ['by another type', { contentType: () => 'application/octet-stream' }, /octet-stream, not/],
    ['by no type', { contentType: () => undefined }, /\(none\)/],
    ['by a page of errors', { status: (file) => (isManifest(file) ? 403 : undefined) }, /403/],
    [
      'when it comes compressed',
      {
        headers: (file) => (isManifest(file) ? { 'Content-Encoding': 'gzip' } : {}),
        bytes: (file, bytes) => (isManifest(file) ? gzipSync(bytes) : bytes),
      },
      /Content-Encoding/,
    ],
  ])('%s', async (_, faults, problem) => {
    await using scene = await openScene();
    const former = await scene.probe();
    scene.mirror.faults = faults;
    const state = await scene.probe(former);
    expect(state).toMatchObject({ healthy: true, serial: 1, kinds: new Set() });
    expect(state.problem).toMatch(problem);
  });

  test('when parameters follow the type it is proven all the same', async () => {
    await using scene = await openScene();
    scene.mirror.faults = { contentType: () => `${MANIFEST_MEDIA_TYPES['oci-manifest']}; charset=utf-8` };
    expect(await scene.probe()).toMatchObject(ALL_WELL);
  });

  test('each kind is proven for itself, and another manifest is taken when one leaves the pool', async () => {
    await using folder = await temporaryFolder();
    const directory = path.join(folder.path, 'tree');
    const image = sampleImage();
    const index = sampleIndex([image]);
    await layTree(directory, {
      repositories: [
        {
          name: 'app',
          tags: { latest: index.digest },
          manifests: [image.manifest, index.manifest],
          blobs: image.blobs,
        },
      ],
    });
    await using mirror = await startMirror({ directory });
    mirror.faults = {
      contentType: (file) =>
        file.includes('oci-index') ? 'text/plain' : MANIFEST_MEDIA_TYPES['oci-manifest'],
    };
    const source = directoryTree(directory);
    const trees = createProbedTrees(source);
    const [configured] = readMirrors([{ name: 'one', url: mirror.url }]);
    const probe = async () => {
      const view = await openTree(source);
      if (view === undefined || configured === undefined) throw new Error('nothing');
      await using client = mirrorClient(configured.base, {
        userAgent: 'test',
        timeoutMs: 10_000,
        signal: new AbortController().signal,
      });
      return (await probeMirror(client, unprobed(configured), await trees.at(view))).state;
    };
    expect((await probe()).kinds).toEqual(new Set(['oci-manifest']));

    const other = sampleImage();
    await layTree(directory, { repositories: [repositoryOf('app', { other })] });
    const { digest } = image;
    const listFile = path.join(directory, 'lists', '000000000002.txt');
    await rm(listFile);
    const added = `+ ${other.manifest.length} ${other.digest.slice(7)} ${manifestPath('oci-manifest', other.digest)}\n`;
    const removed = `- ${manifestPath('oci-manifest', digest)}\n`;
    const lines = [added, removed].toSorted((a, b) =>
      (a.split(' ').at(-1) ?? '') < (b.split(' ').at(-1) ?? '') ? -1 : 1,
    );
    await writeFile(listFile, lines.join(''));
    await rm(path.join(directory, manifestPath('oci-manifest', digest)));
    mirror.requests.length = 0;
    expect((await probe()).kinds).toEqual(new Set(['oci-manifest']));
    expect(requestsFor(mirror, `GET /${manifestPath('oci-manifest', other.digest)}`)).not.toEqual([]);
  });
});

test('a mirror that redirects to where the files are is as good as they are', async () => {
  await using scene = await openScene();
  await using redirector = await startServer((request, response) =>
    response.writeHead(307, { Location: scene.mirror.url + (request.url ?? '/') }).end(),
  );
  expect(await scene.probe(undefined, redirector.url)).toMatchObject(ALL_WELL);
});

test('a mirror of a part is believed with that part, and not without some of it', async () => {
  await using folder = await temporaryFolder();
  const directory = path.join(folder.path, 'tree');
  const [mine, foreign] = [sampleImage(), sampleImage()];
  await layTree(directory, {
    repositories: [repositoryOf('plain/app', { a: mine }), repositoryOf('other', { a: foreign })],
  });
  await using mirror = await startMirror({ directory });
  const lacks = (...images: readonly (typeof mine)[]) => {
    const paths = images.flatMap(({ digest, layer }) => [
      manifestPath('oci-manifest', digest),
      blobPath(layer),
    ]);
    mirror.faults = { status: (file) => (paths.includes(file) ? 404 : undefined) };
  };
  const source = directoryTree(directory);
  const trees = createProbedTrees(source);
  const [configured] = readMirrors([{ name: 'part', url: mirror.url, repositories: ['plain/**'] }]);
  const view = await openTree(source);
  if (view === undefined || configured === undefined) throw new Error('nothing');
  const probe = async (former = unprobed(configured)) => {
    const signal = new AbortController().signal;
    await using client = mirrorClient(configured.base, { userAgent: 'test', timeoutMs: 10_000, signal });
    return (await probeMirror(client, former, await trees.at(view, configured))).state;
  };
  lacks(foreign);
  const state = await probe();
  expect(state).toMatchObject(ALL_WELL);
  expect(state.problem).toBeUndefined();
  expect(await probe(state)).toMatchObject(ALL_WELL);
  lacks(foreign, mine);
  const problem = expect.stringContaining('answered with 404') as string;
  expect(await probe()).toMatchObject({ healthy: false, serial: 0, problem });
});
