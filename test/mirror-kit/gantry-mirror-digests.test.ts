import { existsSync } from 'node:fs';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { digestOf } from '@gantry/oci';
import { blobPath, layTree } from '@gantry/tree';
import { startNginx } from '../servers/nginx.ts';
import { needs } from '../servers/parts.ts';
import { startRsyncd } from '../servers/rsyncd.ts';
import { copy, expectWhole, freshFolders, inFolder, master, mirror, serialOf } from './mirror-world.ts';

/** `--digests`: no byte that is not what its name says comes into a mirror, or stays there, whatever way it came. */

const real = needs('rsync', 'nginx');
freshFolders();

const [ONE, TWO] = [Buffer.from('one'), Buffer.from('two')];
const [ONE_AT, TWO_AT] = [blobPath(digestOf(ONE)), blobPath(digestOf(TWO))];

beforeEach(() => layTree(master, { repositories: [{ name: 'app', tags: {}, blobs: [ONE, TWO] }] }));

/** Other bytes, as many, in a file of a tree. */
async function damage(root: string, name: string): Promise<void> {
  await chmod(path.join(root, name), 0o644);
  await writeFile(path.join(root, name), 'XXX');
}
const bytesOf = (name: string) => readFile(path.join(mirror, name), 'utf8');
const REFUSED = {
  code: 75,
  stderr: expect.stringContaining(`${ONE_AT} has other bytes than its name says: removed`),
};

real.test('a first copy by rsync is hashed, refused, and completed once the master is mended', async () => {
  await damage(master, ONE_AT);
  await using rsyncd = await startRsyncd(master);
  expect(await copy(rsyncd.url, '--digests', '--quiet')).toMatchObject(REFUSED);
  expect(existsSync(path.join(mirror, ONE_AT))).toBe(false);
  expect(await serialOf(mirror)).toBe(undefined);
  await writeFile(path.join(master, ONE_AT), ONE);
  expect(await copy(rsyncd.url, '--digests')).toMatchObject({ code: 0, stderr: '' });
  await expectWhole(mirror);
});

real.test('so is a copy of all of the pool where no list tells what is in it', async () => {
  await damage(master, ONE_AT);
  await writeFile(path.join(master, 'lists/000000000001.txt'), '');
  expect(await copy(master, '--digests')).toMatchObject(REFUSED);
  expect(await serialOf(mirror)).toBe(undefined);
});

real.test('a first copy by HTTP is refused, and so is a file that comes later', async () => {
  await damage(master, ONE_AT);
  await using nginx = await startNginx({ root: master, rules: true });
  expect(await copy(nginx.url, '--digests')).toMatchObject(REFUSED);
  await writeFile(path.join(master, ONE_AT), ONE);
  expect(await copy(nginx.url, '--digests')).toMatchObject({ code: 0, stderr: '' });
  const three = Buffer.from('333');
  await layTree(master, { repositories: [{ name: 'app', tags: {}, blobs: [ONE, TWO, three] }] });
  await damage(master, blobPath(digestOf(three)));
  expect(await copy(master, '--digests')).toMatchObject({ code: 75 });
  expect(await serialOf(mirror)).toBe(1);
  await expectWhole(mirror, { early: true });
});

real.test('--full puts back what was damaged here', async () => {
  expect((await copy(master)).code).toBe(0);
  await damage(mirror, ONE_AT);
  await damage(mirror, TWO_AT);
  expect(await copy(master, '--full', '--digests')).toMatchObject({ code: 0, stderr: '' });
  expect([await bytesOf(ONE_AT), await bytesOf(TWO_AT)]).toEqual(['one', 'two']);
  await expectWhole(mirror);
});

real.test('--full removes what is damaged at the master, too, and any later run brings it', async () => {
  expect((await copy(master)).code).toBe(0);
  await damage(mirror, ONE_AT);
  await damage(mirror, TWO_AT);
  await damage(master, ONE_AT);
  expect(await copy(master, '--full', '--digests')).toMatchObject(REFUSED);
  expect(existsSync(path.join(mirror, ONE_AT))).toBe(false);
  expect(await copy(master, '--digests')).toMatchObject(REFUSED);
  await writeFile(path.join(master, ONE_AT), ONE);
  expect(await copy(master, '--full', '--digests')).toMatchObject({ code: 0, stderr: '' });
  await expectWhole(mirror);
  expect((await copy(master)).stdout).toContain('at serial 1 already');
});

real.test('a part is hashed as well', async () => {
  const part = ['--digests', '--repository', 'app'];
  await damage(master, ONE_AT);
  expect(await copy(master, ...part)).toMatchObject(REFUSED);
  await writeFile(path.join(master, ONE_AT), ONE);
  expect(await copy(master, ...part)).toMatchObject({ code: 0, stderr: '' });
  await damage(mirror, ONE_AT);
  expect(await copy(master, ...part, '--full', '--log', inFolder('log'))).toMatchObject({
    code: 0,
    stderr: '',
  });
  expect(await bytesOf(ONE_AT)).toBe('one');
});
