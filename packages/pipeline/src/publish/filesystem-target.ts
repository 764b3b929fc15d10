import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, copyFile, link, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Fault } from '@gantry/oci';
import { type BlobStore, hasFiles } from '@gantry/store';
import { directoryTree, fullListPath, parsePath, POINTER_PATH, serialPath } from '@gantry/tree';
import type { PoolContent } from './compose-repository.ts';
import type { TreeTarget } from './tree-target.ts';

const FOLDER_MODE = 0o755;
const FILE_MODE = 0o444;
/** The folder of files on their way; it is not of the tree's grammar, so no reader and no list has them. */
const TEMPORARY = '.tmp';
const FOLDERS = ['lists', 'pool', 'serial'];
/** What a file system says where a hardlink is not possible: another device, too many links, not supported. */
const NO_HARDLINK = new Set(['EXDEV', 'EMLINK', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP']);

/**
 * A tree in a folder. Blobs come in by hardlink where the store lies on the same file system, by reflink or copy
 * otherwise.
 * @throws Fault CONFIGURATION_INVALID when the folder holds something that is no tree, or can't be written
 */
export async function openFilesystemTarget(root: string, store: BlobStore): Promise<TreeTarget> {
  await prepareRoot(root);
  const madeFolders = new Set<string>();
  const unsettled = new Set<string>();
  const at = (path: string) => join(root, path);

  const makeFolder = async (folder: string): Promise<void> => {
    if (madeFolders.has(folder)) return;
    if (folder !== root) await makeFolder(dirname(folder));
    try {
      await mkdir(folder);
      await chmod(folder, FOLDER_MODE); // whatever the umask
      unsettled.add(dirname(folder));
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    }
    madeFolders.add(folder);
  };

  /** Writes a file that is durable, still under a name of its own, and gives that. */
  const writeTemporary = async (write: (file: string) => Promise<void>): Promise<string> => {
    const file = join(root, TEMPORARY, randomBytes(12).toString('hex'));
    await makeFolder(join(root, TEMPORARY));
    try {
      await write(file);
      const handle = await open(file, 'r');
      try {
        await handle.chmod(FILE_MODE);
        await handle.sync();
      } finally {
        await handle.close();
      }
      return file;
    } catch (error) {
      await rm(file, { force: true });
      throw error;
    }
  };

  const writeBytes = (bytes: Uint8Array) =>
    writeTemporary(async (file) => {
      const handle = await open(file, 'wx', 0o600);
      try {
        await handle.writeFile(bytes);
      } finally {
        await handle.close();
      }
    });

  const copyContent = (object: PoolContent) =>
    writeTemporary(async (file) => {
      if (hasFiles(store)) await copyFile(store.pathOf(object.digest), file, constants.COPYFILE_FICLONE);
      else {
        const handle = await open(file, 'wx', 0o600);
        await pipeline(await store.open(object.digest), handle.createWriteStream());
      }
    });

  return {
    source: directoryTree(root),

    async putContent(object) {
      const place = at(object.path);
      const folder = dirname(place);
      // What is there already may come from a run that was cut off before its folder was durable.
      unsettled.add(folder);
      if ((await sizeAt(place)) === object.size) return;
      await makeFolder(folder);
      if (hasFiles(store)) {
        try {
          await link(store.pathOf(object.digest), place);
          return;
        } catch (error) {
          const code = codeOf(error);
          if (code === 'ENOENT') {
            throw new Fault(
              'BLOB_UNKNOWN',
              `${object.digest} is not in the store`,
              { digest: object.digest },
              { cause: error },
            );
          }
          // A file of another size is there: damaged from outside, and put right by a new file in its place.
          if (code !== 'EEXIST' && !NO_HARDLINK.has(code)) throw error;
        }
      }
      await rename(await copyContent(object), place);
    },

    async putBytes(path, bytes) {
      const place = at(path);
      const folder = dirname(place);
      // A list is named by its serial, not by its bytes: one of a publication that was cut off is written again.
      unsettled.add(folder);
      if (parsePath(path)?.type === 'index' && (await sizeAt(place)) === bytes.length) return;
      await makeFolder(folder);
      await rename(await writeBytes(bytes), place);
    },

    async settle() {
      const folders = [...unsettled];
      unsettled.clear();
      await Promise.all(folders.map(syncFolder));
    },

    async claim(serial, statement) {
      const place = at(serialPath(serial));
      const folder = dirname(place);
      await makeFolder(folder);
      const temporary = await writeBytes(statement);
      try {
        await link(temporary, place);
      } catch (error) {
        if (codeOf(error) === 'EEXIST') return false;
        throw error;
      } finally {
        await rm(temporary, { force: true });
      }
      await syncFolder(folder);
      await syncFolder(root);
      return true;
    },

    async movePointer(statement) {
      const place = at(POINTER_PATH);
      await rename(await writeBytes(statement), place);
      await syncFolder(dirname(place));
    },

    async highestSerial() {
      try {
        const names = await readdir(at('serial'));
        return Math.max(0, ...names.map((name) => Number(/^([0-9]{12})\.json$/.exec(name)?.[1] ?? 0)));
      } catch (error) {
        if (codeOf(error) === 'ENOENT') return 0;
        throw error;
      }
    },

    async removeFullList(serial) {
      await rm(at(fullListPath(serial)), { force: true });
    },

    async removeLeftovers() {
      madeFolders.delete(at(TEMPORARY));
      await rm(at(TEMPORARY), { recursive: true, force: true });
    },
  };
}

/** The folder must be empty, absent or a tree: what lies there is not overwritten by mistake. */
async function prepareRoot(root: string): Promise<void> {
  const refuse = (why: string, cause?: unknown) =>
    new Fault('CONFIGURATION_INVALID', `tree.filesystem.root: ${root} ${why}`, { path: root }, { cause });
  try {
    await mkdir(root, { recursive: true });
    const names = (await readdir(root)).filter((name) => name !== 'lost+found');
    const foreign = names.find((name) => !FOLDERS.includes(name) && name !== TEMPORARY);
    if (foreign !== undefined && !names.includes('serial')) {
      throw refuse(`holds ${JSON.stringify(foreign)} and is not a tree: name an empty folder`);
    }
    await chmod(root, FOLDER_MODE);
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw refuse('can not be used as a folder to write to', error);
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function sizeAt(place: string): Promise<number | undefined> {
  try {
    return (await stat(place)).size;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
