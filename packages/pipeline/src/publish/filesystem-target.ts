import { constants } from 'node:fs';
import { copyFile, link, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Fault } from '@gantry/oci';
import { type BlobStore, hasFiles } from '@gantry/store';
import { directoryTree, fullListPath, serialPath } from '@gantry/tree';
import { freeChunk } from '../free-chunk.ts';
import type { PoolContent } from './compose-repository.ts';
import { changedAt, codeOf, namesIn, sizeAt, TreeFiles, writing } from './filesystem-target/files.ts';
import { movePointer } from './filesystem-target/pointer.ts';
import { prepareRoot } from './filesystem-target/root.ts';
import { poolOrListPath, poolPath } from './pool-path.ts';
import type { TreeTarget } from './tree-target.ts';

/** What a file system says where a hardlink is not possible: another device, too many links, not supported. */
const NO_HARDLINK = new Set(['EXDEV', 'EMLINK', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP']);

/**
 * A tree in a folder. Blobs come in by hardlink where the store lies on the same file system, by reflink or copy
 * otherwise.
 * @throws Fault CONFIGURATION_INVALID when the folder holds something that is no tree, or can't be written
 */
export async function openFilesystemTarget(root: string, store: BlobStore): Promise<TreeTarget> {
  await prepareRoot(root);
  const files = new TreeFiles(root);
  const source = directoryTree(root);
  const highestSerial = async () => {
    const names = await namesIn(files.at('serial'));
    return names.reduce((highest, name) => Math.max(highest, serialOf(name)), 0);
  };

  const copyContent = (digest: PoolContent['digest']) => async (file: string) => {
    if (hasFiles(store)) await copyFile(store.pathOf(digest), file, constants.COPYFILE_FICLONE);
    else {
      await using handle = await open(file, 'wx', 0o600);
      for await (const chunk of await store.open(digest)) {
        await handle.writeFile(chunk as Buffer);
        freeChunk(chunk as Buffer);
      }
    }
  };

  return {
    source,
    highestSerial,
    begin: (confirm) => files.begin(confirm),

    async putContent({ path, digest, size }) {
      const place = files.at(path);
      files.note(place);
      if ((await sizeAt(place)) === size) return;
      await files.makeFolder(dirname(place));
      if (hasFiles(store) && (await hardlink(store.pathOf(digest), place, digest))) return;
      await files.replace(place, copyContent(digest));
    },

    async putDocument(path, bytes) {
      const place = files.at(path);
      files.note(place);
      if ((await sizeAt(place)) === bytes.length) return;
      await files.replace(place, writing(bytes));
    },

    putList: (path, bytes) => files.create(files.at(path), bytes),
    settle: () => files.settle(),

    async claim(serial, statement) {
      const created = await files.create(files.at(serialPath(serial)), statement);
      await files.settle();
      return created;
    },

    movePointer: (statement) => movePointer(files, source, highestSerial, statement),

    async removeContent(path) {
      const place = files.at(poolPath(path));
      if ((await sizeAt(place)) === undefined) return;
      await rm(place, { force: true });
      files.note(place);
      await files.settle();
    },

    async removeAll(paths) {
      await files.removeAll(paths.map((path) => files.at(poolOrListPath(path))));
    },
    putAt: (path) => changedAt(files.at(path)),

    async removeFullList(serial) {
      await rm(files.at(fullListPath(serial)), { force: true });
    },
  };
}

/** @returns false where the bytes have to be copied */
async function hardlink(from: string, place: string, digest: PoolContent['digest']): Promise<boolean> {
  try {
    await link(from, place);
    return true;
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT')
      throw new Fault('BLOB_UNKNOWN', `${digest} is not in the store`, { digest }, { cause: error });
    // A file of another size is there: damaged from outside, and put right by a new file in its place.
    if (code === 'EEXIST' || NO_HARDLINK.has(code)) return false;
    throw error;
  }
}

function serialOf(name: string): number {
  return Number(/^([0-9]{12})\.json$/.exec(name)?.[1] ?? 0);
}
