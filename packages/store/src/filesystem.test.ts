import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { digestOf, type FaultCode } from '@gantry/oci';
import { blobStoreContract } from './blob-store.contract.ts';
import { openFilesystemStore } from './filesystem.ts';

blobStoreContract('The file system', async () => {
  const root = await mkdtemp(join(tmpdir(), 'gantry-store-'));
  let store = await openFilesystemStore({ root });
  return {
    store,
    reopen: async () => {
      await store[Symbol.asyncDispose]();
      store = await openFilesystemStore({ root });
      return store;
    },
    damage: async (digest) => {
      const path = store.pathOf(digest);
      await chmod(path, 0o644);
      const bytes = await readFile(path);
      bytes.writeUInt8(bytes.readUInt8(0) ^ 1);
      await writeFile(path, bytes);
      await chmod(path, 0o444);
    },
    [Symbol.asyncDispose]: async () => {
      await store[Symbol.asyncDispose]();
      await rm(root, { recursive: true });
    },
  };
});

/** A folder for one test; the root of a store in it is not made yet. */
async function temporary(): Promise<{ root: string } & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-store-'));
  return {
    root: join(folder, 'data', 'store'),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

const MODULE = JSON.stringify(import.meta.resolve('./filesystem.ts'));

/** Runs a script in another process, with `store` open at `root` and `say` to print a line. */
function startChild(root: string, script: string) {
  const source = `
    import { openFilesystemStore } from ${MODULE};
    const say = (line) => process.stdout.write(line + '\\n');
    process.umask(0o077);
    const store = await openFilesystemStore({ root: ${JSON.stringify(root)} });
    ${script}`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exit = once(child, 'exit');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    exit,
    nextLine: async () => {
      const { value, done } = await lines.next();
      if (done === true) throw new Error('the child ended');
      return value;
    },
    kill: async () => {
      child.kill('SIGKILL');
      await exit;
    },
  };
}

/** All files below a folder, by their paths in it. */
async function filesBelow(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1));
}

async function write(root: string, bytes: Buffer): Promise<void> {
  await using store = await openFilesystemStore({ root });
  const writer = await store.write(digestOf(bytes), bytes.length);
  await writer.append(bytes.subarray(writer.offset));
  await writer.commit();
}

/** What a fault of this code looks like whose message names something. */
function fault(code: FaultCode, named: string): object {
  return { code, message: expect.stringContaining(named) as string };
}

/** Root may open any file, whatever its mode: for a while, this process is somebody who owns the folder and no more. */
async function asOrdinaryUser(folder: string): Promise<Disposable> {
  const former = process.geteuid?.();
  if (former !== 0) return { [Symbol.dispose]() {} };
  const nobody = 65_534;
  await chmod(join(folder, '..'), 0o755);
  await chown(folder, nobody, nobody);
  process.seteuid?.(nobody);
  return { [Symbol.dispose]: () => process.seteuid?.(former) };
}

describe('The file system store', () => {
  test('a blob is a file that nobody may write to, under a root that only its owner may enter, whatever the umask', async () => {
    await using place = await temporary();
    const bytes = Buffer.from('some bytes');
    const { root } = place;
    const child = startChild(
      root,
      `const writer = await store.write('${digestOf(bytes)}', 10);
       await writer.append(Buffer.from('some bytes'));
       await writer.commit();`,
    );
    expect(await child.exit).toEqual([0, null]);
    const store = await openFilesystemStore({ root });
    const path = store.pathOf(digestOf(bytes));
    await store[Symbol.asyncDispose]();
    const hex = digestOf(bytes).slice('sha256:'.length);
    expect(path).toBe(join(root, 'blobs', 'sha256', hex.slice(0, 2), hex));
    expect((await stat(path)).mode & 0o777).toBe(0o444);
    expect((await stat(root)).mode & 0o777).toBe(0o700);
    expect(await readFile(path, 'utf8')).toBe('some bytes');
  });

  test('who is not root writes blobs of any size, and goes on with them', async () => {
    await using place = await temporary();
    await mkdir(join(place.root, '..'));
    using _ = await asOrdinaryUser(join(place.root, '..'));
    for (const size of [10, 300_000, 3_000_001]) {
      const bytes = randomBytes(size);
      const former = await openFilesystemStore(place);
      const begun = await former.write(digestOf(bytes), size);
      await begun.append(bytes.subarray(0, size / 2));
      await former[Symbol.asyncDispose]();

      await using store = await openFilesystemStore(place);
      const writer = await store.write(digestOf(bytes), size);
      expect(writer.offset).toBe(Math.floor(size / 2));
      await writer.append(bytes.subarray(writer.offset));
      await writer.commit();
      const path = store.pathOf(digestOf(bytes));
      expect((await stat(path)).mode & 0o777).toBe(0o444);
      expect((await readFile(path)).equals(bytes)).toBe(true);
    }
  });

  test('a root that others may enter is closed to them', async () => {
    await using place = await temporary();
    await mkdir(place.root, { recursive: true });
    await chmod(place.root, 0o755);
    await (await openFilesystemStore(place))[Symbol.asyncDispose]();
    expect((await stat(place.root)).mode & 0o777).toBe(0o700);
  });

  test('no file is left but blobs and what can be gone on with', async () => {
    await using place = await temporary();
    const { root } = place;
    const [whole, wrong, half] = [randomBytes(2_000_000), randomBytes(1000), randomBytes(3_000_000)];
    {
      await using store = await openFilesystemStore({ root });
      await write(root, whole);
      await using bad = await store.write(digestOf(wrong), 1000);
      await bad.append(Buffer.alloc(1000));
      await expect(bad.commit()).rejects.toMatchObject(fault('DIGEST_INVALID', digestOf(wrong)));
      await using unfinished = await store.write(digestOf(half), half.length);
      await unfinished.append(half.subarray(0, 1_234_567));
      await using untouched = await store.write(digestOf('untouched'), 9);
      expect(untouched.offset).toBe(0);
    }
    const partial = join('partial', digestOf(half).replace(':', '-'));
    const hex = digestOf(whole).slice('sha256:'.length);
    expect((await filesBelow(root)).toSorted()).toEqual([
      join('blobs', 'sha256', hex.slice(0, 2), hex),
      partial,
    ]);
    expect((await stat(join(root, partial))).size).toBe(1_234_567);
    await write(root, half);
    const finished = digestOf(half).slice('sha256:'.length);
    const { mode } = await stat(join(root, 'blobs', 'sha256', finished.slice(0, 2), finished));
    expect(mode & 0o777).toBe(0o444);
    expect(await filesBelow(join(root, 'partial'))).toEqual([]);
    expect(await readdir(join(root, 'writing'))).toEqual([]);
  });

  test('what nobody went on with for a week is removed', async () => {
    await using place = await temporary();
    await (await openFilesystemStore(place))[Symbol.asyncDispose]();
    const old = join(place.root, 'partial', digestOf('old').replace(':', '-'));
    const recent = join(place.root, 'partial', digestOf('recent').replace(':', '-'));
    for (const path of [old, recent]) await writeFile(path, 'rec');
    const then = Date.now() / 1000 - 8 * 24 * 3600;
    await utimes(old, then, then);
    await using store = await openFilesystemStore(place);
    await using writer = await store.write(digestOf('recent'), 6);
    expect(writer.offset).toBe(3);
    expect(await readdir(join(place.root, 'partial'))).toEqual([]);
  });

  test('a partial file with torn bytes is found out, and the next attempt is a whole one', async () => {
    await using place = await temporary();
    const bytes = randomBytes(2_500_000);
    const digest = digestOf(bytes);
    await using store = await openFilesystemStore(place);
    const torn = Buffer.concat([bytes.subarray(0, 900_000), Buffer.alloc(600_000)]);
    await writeFile(join(place.root, 'partial', digest.replace(':', '-')), torn);
    const writer = await store.write(digest, bytes.length);
    expect(writer.offset).toBe(1_500_000);
    await writer.append(bytes.subarray(1_500_000));
    await expect(writer.commit()).rejects.toMatchObject(
      fault('DIGEST_INVALID', 'the first 1500000 of which an earlier attempt had left'),
    );
    await writer.suspend();
    expect(await store.stat(digest)).toBeUndefined();
    await write(place.root, bytes);
    expect(await store.stat(digest)).toEqual({ size: bytes.length });
  });

  test('a writer killed in the middle is gone on with by the next process, and by none while it lives', async () => {
    await using place = await temporary();
    const { root } = place;
    const bytes = Buffer.alloc(5_000_000, 'gantry ');
    const child = startChild(
      root,
      `const bytes = Buffer.alloc(5_000_000, 'gantry ');
       const writer = await store.write('${digestOf(bytes)}', bytes.length);
       for (let at = 0; at < 4_000_000; at += 50_000) await writer.append(bytes.subarray(at, at + 50_000));
       say('written');
       setInterval(() => {}, 1000);`,
    );
    await child.nextLine();
    {
      await using store = await openFilesystemStore({ root });
      await using meanwhile = await store.write(digestOf(bytes), bytes.length);
      expect(meanwhile.offset).toBe(0);
    }
    await child.kill();
    await using store = await openFilesystemStore({ root });
    const writer = await store.write(digestOf(bytes), bytes.length);
    expect(writer.offset).toBeGreaterThanOrEqual(2 * 1024 * 1024);
    expect(writer.offset).toBeLessThanOrEqual(4_000_000);
    await writer.append(bytes.subarray(writer.offset));
    await writer.commit();
    expect(digestOf(await store.read(digestOf(bytes), bytes.length))).toBe(digestOf(bytes));
  }, 20_000);

  test('whenever a process is killed, what it committed is there and nothing is visible that is not whole', async () => {
    await using place = await temporary();
    const { root } = place;
    const committed: string[] = [];
    for (let round = 0; round < 4; round++) {
      const child = startChild(
        root,
        `import { createHash, randomBytes } from 'node:crypto';
         const one = async () => {
           for (;;) {
             const bytes = randomBytes(Math.floor(Math.random() * 1_500_000));
             const digest = 'sha256:' + createHash('sha256').update(bytes).digest('hex');
             const writer = await store.write(digest, bytes.length);
             for (let at = 0; at < bytes.length; at += 60_000) await writer.append(bytes.subarray(at, at + 60_000));
             await writer.commit();
             say(digest);
           }
         };
         await Promise.all([one(), one(), one(), one()]);`,
      );
      const enough = committed.length + 3 + Math.floor(Math.random() * 20);
      while (committed.length < enough) committed.push(await child.nextLine());
      await child.kill();
    }
    await using store = await openFilesystemStore({ root });
    const listed = new Map<string, number>();
    for await (const { digest, size } of store.list()) {
      listed.set(digest, size);
      expect(digestOf(await store.read(digest, size))).toBe(digest);
    }
    expect(committed.filter((digest) => !listed.has(digest))).toEqual([]);
    expect(await readdir(join(root, 'writing'))).toHaveLength(2); // the open store's own lock and folder
  }, 30_000);

  test('two processes that write one blob at the same time each do so whole', async () => {
    await using place = await temporary();
    const bytes = Buffer.alloc(3_000_000, 'gantry ');
    const script = `
      const bytes = Buffer.alloc(3_000_000, 'gantry ');
      const writer = await store.write('${digestOf(bytes)}', bytes.length);
      for (let at = writer.offset; at < bytes.length; at += 50_000) await writer.append(bytes.subarray(at, at + 50_000));
      await writer.commit();
      await store[Symbol.asyncDispose]();`;
    const children = [startChild(place.root, script), startChild(place.root, script)];
    expect(await Promise.all(children.map(({ exit }) => exit))).toEqual([
      [0, null],
      [0, null],
    ]);
    await using store = await openFilesystemStore(place);
    expect(digestOf(await store.read(digestOf(bytes), bytes.length))).toBe(digestOf(bytes));
    expect(await readdir(join(place.root, 'partial'))).toEqual([]);
  }, 20_000);

  test('a root that is a file, or lies below one, or can not be made, is a fault that names the key and the path', async () => {
    await using place = await temporary();
    const file = place.root.replace(/data.store$/, 'file');
    await writeFile(file, '');
    await symlink(file.replace('file', 'nowhere'), `${file}-link`);
    for (const root of [file, join(file, 'store'), join(`${file}-link`, 'store'), '/proc/gantry']) {
      const opened = openFilesystemStore({ root });
      await expect(opened).rejects.toMatchObject(fault('CONFIGURATION_INVALID', 'storage.filesystem.root'));
      await expect(opened).rejects.toMatchObject(fault('CONFIGURATION_INVALID', root));
    }
  });
});

/** A file system of 4 MiB of its own; undefined where that can't be mounted. */
async function smallDisk(): Promise<({ root: string } & AsyncDisposable) | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-small-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'none', folder]).status === 0;
  const disk = {
    root: join(folder, 'store'),
    [Symbol.asyncDispose]: async () => {
      if (mounted) spawnSync('umount', [folder]);
      await rm(folder, { recursive: true });
    },
  };
  if (mounted) return disk;
  await disk[Symbol.asyncDispose]();
  return undefined;
}

const probe = await smallDisk();
await probe?.[Symbol.asyncDispose]();
// oxlint-disable-next-line jest/no-disabled-tests -- mounting is a right that not everybody has
const onSmallDisk = probe === undefined ? test.skip : test;

// oxlint-disable jest/no-standalone-expect -- the rule can't see that this is a test
onSmallDisk(
  'a full disk (a tmpfs that the test mounts) is a fault that names the path; the space is free again',
  async () => {
    await using disk = await smallDisk();
    if (disk === undefined) throw new Error('the tmpfs could not be mounted again');
    await using store = await openFilesystemStore(disk);
    const large = randomBytes(8_000_000);
    const small = randomBytes(1_000_000);
    await using writer = await store.write(digestOf(large), large.length);
    const appendAll = async () => {
      for (let at = 0; at < large.length; at += 65_536) await writer.append(large.subarray(at, at + 65_536));
      await writer.commit();
    };
    await expect(appendAll()).rejects.toMatchObject(fault('STORAGE_FULL', disk.root));
    expect(await filesBelow(join(disk.root, 'partial'))).toEqual([]);
    expect(await store.stat(digestOf(large))).toBeUndefined();
    await write(disk.root, small);
    expect(await store.stat(digestOf(small))).toEqual({ size: small.length });
  },
);

test('a blob that is deleted leaves nothing behind of an attempt that was cut off', async () => {
  await using folder = await temporary();
  await using store = await openFilesystemStore({ root: folder.root });
  const bytes = randomBytes(100_000);
  const digest = digestOf(bytes);
  const first = await store.write(digest, bytes.length);
  await first.append(bytes.subarray(0, 60_000));
  await first.suspend();
  expect(await readdir(join(folder.root, 'partial'))).toHaveLength(1);
  for (let time = 0; time < 2; time++) await store.delete(digest);
  expect(await readdir(join(folder.root, 'partial'))).toEqual([]);
  await using again = await store.write(digest, bytes.length);
  expect(again.offset).toBe(0);
});
