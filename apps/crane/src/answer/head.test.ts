import { mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { digestOf } from '@gantry/oci';
import { blobPath, layTree } from '@gantry/tree';
import { repositoryOf, sampleImage, startTestCrane, temporaryFolder } from '../crane.fixture.ts';
import { askPlain, writeFiles } from '../redirect-json/redirect-json.fixture.ts';

/** HEAD tells of a file without reading it, and has no ranges (RFC 9110, section 14.2). */

const SIZE = 256 * 1024 * 1024;
const DIGEST = digestOf(Buffer.from('what is never read'));

/** How many bytes this process has read, of files and of all else. */
async function bytesRead(): Promise<number> {
  return Number(/^rchar: (\d+)$/m.exec(await readFile('/proc/self/io', 'utf8'))?.[1]);
}

/** Content that the crane sends itself: each file large, and nothing but a hole. */
async function openContent() {
  await using resources = new AsyncDisposableStack();
  const base = resources.use(await temporaryFolder()).path;
  const file = { repository: 'zoo', 'repo-registry-id': 'redhat/zoo', url: 'http://cdn.example/zoo' };
  await writeFiles(path.join(base, 'data'), {
    'v1.json': { ...file, version: 1, images: [{ id: 'abc123' }], tags: {} },
    'v2.json': { ...file, version: 2 },
  });
  const places = [
    'v1/zoo/abc123/layer',
    `v2/zoo/blobs/${DIGEST}`,
    'v2/zoo/tags/list',
    'v2/zoo/manifests/big',
  ];
  for (const place of places.map((one) => path.join(base, one))) {
    await mkdir(path.dirname(place), { recursive: true });
    await writeFile(place, '');
    await truncate(place, SIZE);
  }
  const content = {
    v1: path.join(base, 'v1'),
    v2: path.join(base, 'v2'),
    by: 'file',
    location: '/',
  } as const;
  const redirectJson = { directories: [path.join(base, 'data')], cdn: {}, content };
  const crane = resources.use(await startTestCrane({ redirectJson }));
  const open = resources.move();
  return { crane, [Symbol.asyncDispose]: () => open.disposeAsync() };
}

test.each([
  ['a blob', `/v2/redhat/zoo/blobs/${DIGEST}`],
  ['tags', '/v2/redhat/zoo/tags/list'],
  ['what is too large for a manifest', '/v2/redhat/zoo/manifests/big'],
  ['a layer of the API of before', '/v1/images/abc123/layer'],
])('of %s from a disk HEAD reads nothing, whatever range it names', async (_, target) => {
  await using scene = await openContent();
  for (const headers of [{}, { Range: 'bytes=0-9' }, { Range: `bytes=${SIZE}-` }]) {
    const before = await bytesRead();
    const head = await askPlain(scene.crane, target, { method: 'HEAD', headers });
    expect(head).toMatchObject({
      status: 200,
      body: '',
      headers: { 'content-length': `${SIZE}`, 'accept-ranges': 'bytes' },
    });
    expect(head.headers['content-range']).toBeUndefined();
    expect((await bytesRead()) - before).toBeLessThan(SIZE / 8);
  }
  const part = await askPlain(scene.crane, target, { headers: { Range: 'bytes=0-9' } });
  expect([part.status, part.headers['content-length']]).toEqual([206, '10']);
});

test('of a blob of the tree HEAD does not even open the file', async () => {
  await using folder = await temporaryFolder();
  const image = sampleImage();
  await layTree(folder.path, { repositories: [repositoryOf('app', { latest: image })] });
  await using crane = await startTestCrane({ tree: folder.path });
  await rm(path.join(folder.path, blobPath(image.layer)));
  const target = `/v2/app/blobs/${image.layer}`;
  for (const headers of [{}, { Range: 'bytes=0-9' }, { Range: 'bytes=1000-' }]) {
    const head = await askPlain(crane, target, { method: 'HEAD', headers });
    expect([head.status, head.headers['content-length']]).toEqual([200, '1000']);
    expect(head.headers['content-range']).toBeUndefined();
  }
  expect((await askPlain(crane, target)).status).toBe(503);
});
