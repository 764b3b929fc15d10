import { constants } from 'node:fs';
import { copyFile, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Fault } from '@gantry/oci';
import { type BlobStore, hasFiles } from '@gantry/store';
import { directoryTree, fullListPath } from '@gantry/tree';
import { freeChunk } from '../free-chunk.ts';
import type { PoolContent } from './compose-repository.ts';
import { corruptInStore } from './corrupt-in-store.ts';
import {
  changedAt,
  digestAt,
  holds,
  isSameFile,
  sizeAt,
  TreeFiles,
  writing,
} from './filesystem-target/files.ts';
import { hardlink, noHardlinks } from './filesystem-target/hardlink.ts';
import { movePointer } from './filesystem-target/pointer.ts';
import { prepareRoot } from './filesystem-target/root.ts';
import { ClaimedSerials } from './filesystem-target/serials.ts';
import { poolOrListPath, poolPath } from './pool-path.ts';
import type { TreeTarget } from './tree-target.ts';

/** What has a default that serves. */
export interface FilesystemTargetOptions {
  /** Told, once, that blobs have to be copied. Must not throw. */
  readonly onTrouble?: (fault: Fault) => void;
}

/**
 * A tree in a folder. Blobs come in by hardlink where the store lies on the same file system, by reflink or copy
 * otherwise.
 * @throws Fault CONFIGURATION_INVALID when the folder holds something that is no tree, or can't be written
 */
export async function openFilesystemTarget(
  root: string,
  store: BlobStore,
  { onTrouble = () => undefined }: FilesystemTargetOptions = {},
): Promise<TreeTarget> {
  await prepareRoot(root);
  const files = new TreeFiles(root);
  const source = directoryTree(root);
  const serials = new ClaimedSerials(files);
  const highestSerial = () => serials.highest();

  let hasTold = false;
  const tellOfCopies = (error: unknown) => {
    if (!hasTold) onTrouble(noHardlinks(root, error));
    hasTold = true;
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
    async begin(confirm) {
      if (!(await files.begin(confirm))) serials.forget();
    },

    async putContent({ path, digest, size }, { check = false } = {}) {
      const place = files.at(path);
      files.note(place);
      await files.makeFolder(dirname(place));
      const isThere = async () =>
        (await sizeAt(place)) === size && (!check || (await digestAt(place, digest)) === digest);
      try {
        if (hasFiles(store) && (await hardlink(store.pathOf(digest), place, digest, tellOfCopies))) return;
      } catch (error) {
        if (!isUnknown(error) || !(await isThere())) throw error;
        return; // the tree's own copy outlasts the store's
      }
      if (await isThere()) return;
      await files.replace(place, async (file) => {
        await copyContent(digest)(file);
        if (check && (await digestAt(file, digest)) !== digest) throw corruptInStore(digest);
      });
    },

    isOfStore: async ({ path, digest }) =>
      hasFiles(store) && (await isSameFile(files.at(path), store.pathOf(digest))),

    async putDocument(path, bytes) {
      const place = files.at(path);
      files.note(place);
      if (await holds(place, bytes)) return;
      await files.replace(place, writing(bytes));
    },

    putList: (path, bytes) => files.create(files.at(path), bytes),
    settle: () => files.settle(),

    claim: (serial, statement) => serials.claim(serial, statement),

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

function isUnknown(error: unknown): boolean {
  return error instanceof Fault && error.code === 'BLOB_UNKNOWN';
}
