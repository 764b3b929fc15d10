import filesystem, { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { digestOf } from '@gantry/oci';
import { type BlobStore, openStore } from '@gantry/store';
import { blobPath, encodeStatement, fullListPath, indexPath, listPath, POINTER_PATH } from '@gantry/tree';
import { openFilesystemTarget } from './filesystem-target.ts';
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
      await mkdir(join(root, '.tmp'), { recursive: true });
      await writeFile(join(root, '.tmp', '1-of-one-that-died'), 'half');
    },
    leftBehind: async () => (await readdir(join(root, '.tmp'))).length,
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
    list: () => store.list(),
    delete: (digest) => store.delete(digest),
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

/** Has something happen right before the first rename to a path, as if the process had been stopped there. */
function stoppedBeforeRename(path: string, meanwhile: () => Promise<void>): Disposable {
  const original = filesystem.rename;
  const restore = () => {
    filesystem.rename = original;
    syncBuiltinESMExports();
  };
  filesystem.rename = async (from, to) => {
    if (String(to).endsWith(path)) {
      restore();
      await meanwhile();
    }
    await original(from, to);
  };
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

  test('keeps what a publisher that followed is writing from one that wakes', async () => {
    await using opened = await open();
    const { target, another, root } = opened;
    await mkdir(join(root, '.tmp'));
    for (const name of ['4-dead', '5-own', '6-successor', 'of-an-older-version'])
      await writeFile(join(root, '.tmp', name), 'half');
    await target.begin(5);
    expect((await readdir(join(root, '.tmp'))).toSorted()).toEqual(['5-own', '6-successor']);
    await (await another()).begin(7);
    expect(await readdir(join(root, '.tmp'))).toEqual([]);
  });

  test('tells a publisher whose file was taken away by its successor that it was followed', async () => {
    await using opened = await open();
    const { target, another } = opened;
    await target.begin(5);
    const document = Buffer.from('document');
    const path = indexPath(digestOf(document));
    using _ = stoppedBeforeRename(path, async () => (await another()).begin(6));
    await expect(target.putDocument(path, document)).rejects.toMatchObject({ code: 'LEASE_LOST' });
    expect(await target.source.stat(path)).toBeUndefined();
  });

  test('puts a newer pointer back that came in between, as no rename can compare', async () => {
    await using opened = await open();
    const { target, another, root } = opened;
    await target.claim(1, statementOf(1));
    using _ = stoppedBeforeRename(POINTER_PATH, async () => {
      const successor = await another();
      for (const serial of [2, 3]) {
        await successor.claim(serial, statementOf(serial));
        await successor.movePointer(statementOf(serial));
      }
    });
    await expect(target.movePointer(statementOf(1))).rejects.toMatchObject({
      code: 'LEASE_LOST',
      details: { serial: 1, newer: 3 },
    });
    expect(await readFile(join(root, POINTER_PATH))).toEqual(Buffer.from(statementOf(3)));
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
    ['a file', 'can not be used as a folder to write to'],
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
