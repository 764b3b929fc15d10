import { constants, type Dirent } from 'node:fs';
import { type FileHandle, lstat, open, readdir, realpath } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { Fault, quote } from '@gantry/oci';
import type { Allocate, TreeSource } from './tree-source.ts';

/** A source that can list what lies in it. */
export type ListingSource = TreeSource & Required<Pick<TreeSource, 'list'>>;

/**
 * A tree in a directory. The directory may be absent: then so is every file. Below it no symbolic link is followed
 * (a tree has none), and no path leads out of it.
 */
export function directoryTree(root: string): ListingSource {
  const name = path.resolve(root);
  const at = (file: string) => path.join(name, checked(file));

  return {
    name,
    directory: name,
    async read(file, maxBytes, allocate) {
      const opened = await openFile(name, at(file));
      if (opened === undefined) return undefined;
      try {
        return await readWhole(opened, maxBytes, allocate);
      } finally {
        await opened.handle.close();
      }
    },
    async stat(file) {
      const opened = await openFile(name, at(file));
      await opened?.handle.close();
      return opened && { size: opened.size };
    },
    async open(file): Promise<Readable | undefined> {
      const opened = await openFile(name, at(file));
      return opened?.handle.createReadStream({ highWaterMark: 256 * 1024 });
    },
    list: (folder) => listFolder(name, folder === '' ? '' : checked(folder)),
  };
}

/** @throws Fault TREE_INVALID for a path that could lead out of the tree */
function checked(file: string): string {
  const parts = file.split('/');
  if (!/[\0\\]/.test(file) && parts.every((part) => part !== '' && part !== '.' && part !== '..'))
    return file;
  throw new Fault('TREE_INVALID', `${quote(file)} is no path within a tree`, { path: file.slice(0, 300) });
}

interface OpenFile {
  readonly file: string;
  readonly handle: FileHandle;
  readonly size: number;
}

/** An open plain file; undefined if it is absent. @throws Fault TREE_INVALID when a link or anything else lies there */
async function openFile(root: string, file: string): Promise<OpenFile | undefined> {
  let handle: FileHandle | undefined;
  try {
    const [realRoot, realFile] = await Promise.all([realpath(root), realpath(file)]);
    if (realFile !== path.join(realRoot, path.relative(root, file))) throw irregular(file, 'a symbolic link');
    // A named pipe would otherwise hold the open until someone writes.
    handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const stats = await handle.stat();
    if (!stats.isFile()) throw irregular(file, 'a folder or a device');
    return { file, handle, size: stats.size };
  } catch (error) {
    await handle?.close();
    if (isAbsent(error)) return undefined;
    throw unreadable(error, file);
  }
}

async function readWhole(
  { file, handle, size }: OpenFile,
  maxBytes: number,
  allocate: Allocate = (sizeBytes) => Buffer.allocUnsafe(sizeBytes),
): Promise<Uint8Array> {
  if (size > maxBytes) {
    throw new Fault('TREE_INVALID', `${file} has ${size} bytes, and ${maxBytes} are the most that is read`, {
      path: file,
      size,
    });
  }
  const bytes = allocate(size);
  let filled = 0;
  try {
    while (filled < size) {
      const { bytesRead } = await handle.read(bytes, filled, size - filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
  } catch (error) {
    throw unreadable(error, file);
  }
  return bytes.subarray(0, filled);
}

/** All that is no folder, folder by folder, each sorted by name. */
async function* listFolder(
  root: string,
  folder: string,
): AsyncGenerator<{ path: string; size: number; irregular?: true }> {
  const here = path.join(root, folder);
  let entries: Dirent[];
  try {
    entries = await readdir(here, { withFileTypes: true });
  } catch (error) {
    if (isAbsent(error)) return;
    throw unreadable(error, here);
  }
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  const inTree = (entry: Dirent) => (folder === '' ? entry.name : `${folder}/${entry.name}`);
  for (let at = 0; at < entries.length; at += STATS_AT_ONCE) {
    const found = await Promise.all(
      entries.slice(at, at + STATS_AT_ONCE).map((entry) => describe(here, entry)),
    );
    for (const { entry, size } of found) {
      if (entry.isDirectory()) yield* listFolder(root, inTree(entry));
      else if (size !== undefined)
        yield { path: inTree(entry), size, ...(entry.isFile() ? {} : { irregular: true }) };
    }
  }
}

const STATS_AT_ONCE = 64;

/** An entry's size; undefined for one that was removed while the folder was read. */
async function describe(folder: string, entry: Dirent): Promise<{ entry: Dirent; size?: number }> {
  if (entry.isDirectory()) return { entry };
  const file = path.join(folder, entry.name);
  try {
    return { entry, size: (await lstat(file)).size };
  } catch (error) {
    if (isAbsent(error)) return { entry };
    throw unreadable(error, file);
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}

function irregular(file: string, what: string): Fault {
  return new Fault('TREE_INVALID', `${file} is, or lies under, ${what}: a tree holds plain files only`, {
    path: file,
  });
}

function unreadable(error: unknown, file: string): Fault {
  if (error instanceof Fault) return error;
  const why = error instanceof Error ? error.message : String(error);
  return new Fault('UNAVAILABLE', `${file} can not be read: ${why}`, { path: file }, { cause: error });
}
