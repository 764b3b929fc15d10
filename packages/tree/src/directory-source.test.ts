import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { Fault } from '@gantry/oci';
import { directoryTree } from './directory-source.ts';

let base = '';
beforeEach(async () => {
  base = await mkdtemp(path.join(tmpdir(), 'gantry-tree-'));
  await mkdir(path.join(base, 'tree/serial'), { recursive: true });
  await writeFile(path.join(base, 'tree/serial/current.json'), 'pointer');
  await writeFile(path.join(base, 'secret'), 'not of the tree');
});
afterEach(async () => {
  await rm(base, { recursive: true });
});

describe('a tree in a directory', () => {
  test('gives its files, whole, as a stream, and by size', async () => {
    const tree = directoryTree(path.join(base, 'tree'));
    expect(Buffer.from((await tree.read('serial/current.json', 7)) ?? '').toString()).toBe('pointer');
    expect(await tree.stat('serial/current.json')).toEqual({ size: 7 });
    expect(await text((await tree.open('serial/current.json')) ?? Readable.from([]))).toBe('pointer');
  });

  test.each(['serial/000000000001.json', 'pool/blobs/x', 'serial/current.json/x'])(
    'says that %s is absent',
    async (file) => {
      const tree = directoryTree(path.join(base, 'tree'));
      expect(await tree.read(file, 100)).toBeUndefined();
      expect(await tree.stat(file)).toBeUndefined();
      expect(await tree.open(file)).toBeUndefined();
    },
  );

  test('that is absent itself has no file, and lists none', async () => {
    const tree = directoryTree(path.join(base, 'nowhere'));
    expect(await tree.read('serial/current.json', 100)).toBeUndefined();
    expect(await Array.fromAsync(tree.list(''))).toEqual([]);
  });

  test('may be reached by a symbolic link', async () => {
    await symlink(path.join(base, 'tree'), path.join(base, 'link'));
    expect(await directoryTree(path.join(base, 'link')).stat('serial/current.json')).toEqual({ size: 7 });
  });

  test('refuses a file that is larger than asked for, naming it', async () => {
    const read = directoryTree(path.join(base, 'tree')).read('serial/current.json', 6);
    await expect(read).rejects.toThrow(/serial\/current\.json has 7 bytes, and 6/);
    await expect(read).rejects.toMatchObject({ code: 'TREE_INVALID' });
  });

  test.each([
    '../secret',
    'serial/../../secret',
    '/etc/passwd',
    'serial//current.json',
    '',
    '.',
    'serial/.',
    'a\\b',
    'a\0b',
  ])('does not let the path %j lead out of it', async (file) => {
    const tree = directoryTree(path.join(base, 'tree'));
    await expect(tree.read(file, 100)).rejects.toMatchObject({ code: 'TREE_INVALID' });
    await expect(tree.stat(file)).rejects.toMatchObject({ code: 'TREE_INVALID' });
    await expect(tree.open(file)).rejects.toMatchObject({ code: 'TREE_INVALID' });
  });

  test('follows no symbolic link, neither to a file nor through a folder', async () => {
    await symlink(path.join(base, 'secret'), path.join(base, 'tree/serial/link.json'));
    await symlink(base, path.join(base, 'tree/pool'));
    const tree = directoryTree(path.join(base, 'tree'));
    for (const file of ['serial/link.json', 'pool/secret']) {
      await expect(tree.read(file, 100)).rejects.toThrow(/symbolic link/);
      await expect(tree.stat(file)).rejects.toThrow(/symbolic link/);
      await expect(tree.open(file)).rejects.toThrow(/symbolic link/);
    }
  });

  test('gives neither a folder nor a named pipe, and does not wait for one', async () => {
    execFileSync('mkfifo', [path.join(base, 'tree/serial/pipe')]);
    const tree = directoryTree(path.join(base, 'tree'));
    await expect(tree.read('serial', 100)).rejects.toThrow(/folder or a device/);
    await expect(tree.read('serial/pipe', 100)).rejects.toThrow(/folder or a device/);
  });

  test('lists all files, sorted folder by folder, and marks what is no plain file', async () => {
    await mkdir(path.join(base, 'tree/lists'));
    await writeFile(path.join(base, 'tree/lists/.hidden'), '');
    await symlink('current.json', path.join(base, 'tree/serial/also.json'));
    const tree = directoryTree(path.join(base, 'tree'));
    expect(await Array.fromAsync(tree.list(''))).toEqual([
      { path: 'lists/.hidden', size: 0 },
      { path: 'serial/also.json', size: 'current.json'.length, irregular: true },
      { path: 'serial/current.json', size: 7 },
    ]);
    expect(await Array.fromAsync(tree.list('lists'))).toEqual([{ path: 'lists/.hidden', size: 0 }]);
    expect(() => tree.list('../')).toThrow(Fault);
  });

  test('says so when the file system refuses', async () => {
    const read = directoryTree(path.join(base, 'tree')).read('x'.repeat(300), 100);
    await expect(read).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('ENAMETOOLONG'),
    });
  });
});
