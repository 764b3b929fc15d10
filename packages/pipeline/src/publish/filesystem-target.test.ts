import filesystem, { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { digestOf } from '@gantry/oci';
import { type BlobStore, openStore } from '@gantry/store';
import {
  blobPath,
  directoryTree,
  encodeStatement,
  fullListPath,
  indexPath,
  listPath,
  POINTER_PATH,
} from '@gantry/tree';
import { openFilesystemTarget } from './filesystem-target.ts';
import { storeManifest } from './contract/tree-contents.ts';
import { type OpenedTarget, treeTargetContract } from './tree-target.contract.ts';

interface OpenedFolder extends OpenedTarget {
  readonly root: string;
}

async function open(seenAs: (store: BlobStore) => BlobStore = (store) => store): Promise<OpenedFolder> {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-target-'));
  const root = join(folder, 'tree');
  const store = await openStore({ filesystem: { root: join(folder, 'store') } });
  const another = () => openFilesystemTarget(root, seenAs(store));
  return {
    root,
    store,
    target: await another(),
    another,
    async damage(path, bytes) {
      await rm(join(root, path));
      await writeFile(join(root, path), bytes);
    },
    async leaveBehind() {
      await mkdir(join(root, '.tmp', 'of-one-that-died'), { recursive: true });
      await writeFile(join(root, '.tmp', 'of-one-that-died', 'file'), 'half');
    },
    async leftBehind() {
      const names = await readdir(join(root, '.tmp'), { recursive: true, withFileTypes: true });
      return names.filter((name) => name.isFile()).length;
    },
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}

/** A store whose blobs are no files. */
function withoutFiles(store: BlobStore): BlobStore {
  return {
    stat: (digest) => store.stat(digest),
    open: (digest, range) => store.open(digest, range),
    read: (digest, maxBytes) => store.read(digest, maxBytes),
    write: (digest, size) => store.write(digest, size),
    list: (after) => store.list(after),
    delete: (digest) => store.delete(digest),
    startRemoval: (lease, confirm) => store.startRemoval(lease, confirm),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

function statementOf(serial: number): Uint8Array {
  return encodeStatement({
    tree: 'a tree',
    serial,
    previous: null,
    published: '2026-11-21T09:00:00Z',
    expires: '2026-11-28T09:00:00Z',
    root: digestOf(Buffer.from('root')),
    list: digestOf(Buffer.from('list')),
    full: null,
    signatures: [],
  }).bytes;
}

/** Of a lease that is held. */
const held = () => Promise.resolve();

/** Has something happen right before a name is given that ends so, as if the process had been stopped there. */
function stoppedBefore(
  calls: readonly ('link' | 'rename')[],
  path: string,
  meanwhile: () => Promise<void>,
): Disposable {
  const originals = calls.map((call) => [call, filesystem[call]] as const);
  const restore = () => {
    for (const [call, original] of originals) filesystem[call] = original;
    syncBuiltinESMExports();
  };
  for (const [call, original] of originals) {
    filesystem[call] = async (from, to) => {
      if (String(to).endsWith(path)) {
        restore();
        await meanwhile();
      }
      await original(from, to);
    };
  }
  syncBuiltinESMExports();
  return { [Symbol.dispose]: restore };
}

treeTargetContract('A folder beside a store of files', () => open());
treeTargetContract('A folder with any store', () => open(withoutFiles));

describe('a folder as a place for trees', () => {
  test('has blobs as hardlinks to the store where that is possible', async () => {
    await using opened = await open();
    const { target, store, root } = opened;
    const bytes = Buffer.from('a blob');
    const object = { path: blobPath(digestOf(bytes)), digest: digestOf(bytes), size: bytes.length };
    await using writer = await store.write(object.digest, object.size);
    await writer.append(bytes);
    await writer.commit();
    await target.putContent(object);
    expect((await stat(join(root, object.path))).nlink).toBe(2);
  });

  test.each(['putContent', 'putDocument', 'putList', 'claim', 'movePointer'] as const)(
    'shuts a publisher that was stopped in %s out when its successor begins',
    async (call) => {
      await using opened = await open(withoutFiles);
      const { target, store, another, root } = opened;
      const document = Buffer.from('document');
      const digest = digestOf(document);
      await using writer = await store.write(digest, document.length);
      await writer.append(document);
      await writer.commit();
      await target.begin(held);
      await target.claim(1, statementOf(1));
      const calls = {
        putContent: () => target.putContent({ path: blobPath(digest), digest, size: document.length }),
        putDocument: () => target.putDocument(indexPath(digest), document),
        putList: () => target.putList(listPath(1), document),
        claim: () => target.claim(2, statementOf(2)),
        movePointer: () => target.movePointer(statementOf(1)),
      };
      const before = await Array.fromAsync(directoryTree(root).list(''));
      using _ = stoppedBefore(['rename', 'link'], '', async () => (await another()).begin(held));
      await expect(calls[call]()).rejects.toMatchObject({ code: 'LEASE_LOST' });
      expect(await Array.fromAsync(directoryTree(root).list(''))).toEqual(before);
      await expect(calls[call]()).rejects.toMatchObject({ code: 'LEASE_LOST' });
      await target.begin(held);
      await calls[call]();
    },
  );

  test('does not put content right with bytes of the store that are damaged, too', async () => {
    await using opened = await open();
    const { target, store, root } = opened;
    const object = await storeManifest(store, '{"schemaVersion":2}');
    await target.putContent(object);
    const place = join(root, object.path);
    await chmod(place, 0o644);
    await writeFile(place, '{"schemaVersion":3}'); // its own, and the store's, as it is one file
    await expect(target.putContent(object, { check: true })).rejects.toMatchObject({
      code: 'CONTENT_CORRUPT',
      message: expect.stringContaining(object.digest),
    });
    expect(await opened.leftBehind()).toBe(0);
  });

  test('puts a newer pointer back that came in between, as no rename can compare', async () => {
    await using opened = await open();
    const { target, root } = opened;
    await target.claim(1, statementOf(1));
    // Of the same process: whoever is in another one shuts this one out.
    using _ = stoppedBefore(['rename'], POINTER_PATH, async () => {
      for (const serial of [2, 3]) {
        await target.claim(serial, statementOf(serial));
        await target.movePointer(statementOf(serial));
      }
    });
    await expect(target.movePointer(statementOf(1))).rejects.toMatchObject({
      code: 'LEASE_LOST',
      details: { serial: 1, newer: 3 },
    });
    expect(await readFile(join(root, POINTER_PATH))).toEqual(Buffer.from(statementOf(3)));
  });

  test('lists its history once, and again when another publisher has begun', async () => {
    await using opened = await open();
    const { target, another } = opened;
    await target.begin(held);
    await target.claim(1, statementOf(1));
    expect(await target.highestSerial()).toBe(1);
    const successor = await another();
    await successor.begin(held);
    await successor.claim(2, statementOf(2));
    expect(await successor.highestSerial()).toBe(2);
    expect(await target.highestSerial()).toBe(1);
    await target.begin(held);
    expect(await target.highestSerial()).toBe(2);
    expect(await target.claim(2, statementOf(3))).toBe(false);
    await target.begin(held);
    expect(await target.highestSerial()).toBe(2);
  });

  test('has the modes that the format names, whatever the umask', async () => {
    const umask = process.umask(0o077);
    try {
      await using opened = await open();
      await opened.target.putList(listPath(1), Buffer.from('+\n'));
      await opened.target.putList(fullListPath(1), Buffer.from('+\n'));
      for (const entry of await readdir(opened.root, { recursive: true, withFileTypes: true })) {
        const { mode } = await stat(join(entry.parentPath, entry.name));
        expect([entry.name, mode & 0o777]).toEqual([entry.name, entry.isDirectory() ? 0o755 : 0o444]);
      }
    } finally {
      process.umask(umask);
    }
  });

  test.each([
    ['a folder with something else in it', 'holds "stranger" and is not a tree'],
    ['a file', 'is a file: name a folder'],
  ])('%s is refused by name', async (what, why) => {
    const folder = await mkdtemp(join(tmpdir(), 'gantry-target-'));
    try {
      const root = what === 'a file' ? join(folder, 'stranger') : folder;
      await writeFile(join(folder, 'stranger'), '');
      await expect(openFilesystemTarget(root, {} as BlobStore)).rejects.toMatchObject({
        code: 'CONFIGURATION_INVALID',
        message: expect.stringContaining(why),
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
