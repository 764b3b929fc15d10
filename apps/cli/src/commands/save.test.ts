import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { makeImage, makeLayer } from '@gantry/registry';
import { blobPath, layTree } from '@gantry/tree';
import { gantry } from '../cli.fixture.ts';

const IMAGE = makeImage({
  platform: { os: 'linux', architecture: 'amd64' },
  layers: [makeLayer([{ path: 'hello', content: 'hello' }])],
});
const LAYER = IMAGE.blobs[1]?.digest ?? IMAGE.digest;

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(path.join(tmpdir(), 'gantry-export-'));
  await layTree(path.join(cwd, 'data/tree'), {
    repositories: [
      {
        name: 'app',
        tags: { x: IMAGE.digest },
        manifests: [IMAGE.bytes],
        blobs: IMAGE.blobs.map(({ bytes }) => bytes),
      },
    ],
  });
});
afterEach(() => rm(cwd, { recursive: true }));

const filesNow = async () => (await readdir(cwd)).filter((name) => name !== 'data');

test('an export is a file once it is whole', async () => {
  const ran = await gantry(['save', 'app:x', '--file', 'app.tar'], { cwd });
  expect(ran).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^app.tar: 3 objects, .* of serial 1\n$/),
  });
  expect(await filesNow()).toEqual(['app.tar']);
  expect((await readFile(path.join(cwd, 'app.tar'))).subarray(257, 262).toString()).toBe('ustar');
});

test('one that fails leaves no file, and the former one as it was', async () => {
  await writeFile(path.join(cwd, 'app.tar'), 'former');
  const layer = path.join(cwd, 'data/tree', blobPath(LAYER));
  const { size } = await stat(layer);
  await chmod(layer, 0o600);
  await writeFile(layer, 'x'.repeat(size));
  const ran = await gantry(['save', 'app', '--file', 'app.tar', '--tree', './data/tree'], { cwd });
  expect(ran.code).toBe(1);
  expect(ran.err).toContain(`${blobPath(LAYER)} of ${cwd}/data/tree is not what its digest says`);
  expect(await filesNow()).toEqual(['app.tar']);
  expect(await readFile(path.join(cwd, 'app.tar'), 'utf8')).toBe('former');
});

test('an export goes to standard output, with nothing else in it', async () => {
  let written = Buffer.of();
  const writeBytes = async (chunks: AsyncIterable<Uint8Array>) => {
    written = await buffer(Readable.from(chunks));
  };
  const ran = await gantry(['save', 'app', '--file', '-'], { cwd, writeBytes });
  expect(ran).toMatchObject({ code: 0, out: '' });
  await gantry(['save', 'app', '--file', 'app.tar'], { cwd });
  expect(Buffer.compare(written, await readFile(path.join(cwd, 'app.tar')))).toBe(0);
});

test('a terminal gets no tar', async () => {
  const stdout = { write: () => {}, isTTY: true };
  const ran = await gantry(['save', 'app'], { cwd, stdout });
  expect(ran).toMatchObject({ code: 2, err: expect.stringContaining('say where to: --file FILE') });
});

test.each([
  ['an unknown tag', ['app:y'], 1, '"app:y" is not in '],
  ['a folder that is not there', ['app', '--file', 'no/app.tar'], 2, 'can not be written'],
  ['a device', ['app', '--file', '/dev/null'], 2, '/dev/null is no file'],
  ['a tree that is not configured', ['app', '--file', 'a', '--tree', 'extra'], 1, 'there is no tree "extra"'],
  ['a folder that is no tree', ['app', '--file', 'a', '--tree', './data'], 1, 'holds no published tree'],
])('is refused with the reason: %s', async (_, words, code, reason) => {
  const ran = await gantry(['save', '--file', 'x.tar', ...words], { cwd });
  expect(ran).toMatchObject({ code, err: expect.stringContaining(reason) });
  expect(await filesNow()).toEqual([]);
});
