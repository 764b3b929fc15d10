import { constants } from 'node:fs';
import { access, chmod, lstat, mkdir, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { DIGEST_ALGORITHMS, Fault, MANIFEST_KINDS, quote } from '@gantry/oci';
import { directoryTree } from '@gantry/tree';
import { refuseNewerFormat } from '../refuse-newer-format.ts';
import { codeOf, FOLDER_MODE, TEMPORARY } from './files.ts';

/** The folders that a folder may hold, by name; undefined: what is in it is not looked at here. */
interface Folders {
  readonly [name: string]: Folders | undefined;
}

const named = (names: readonly string[], below?: Folders): Folders =>
  Object.fromEntries(names.map((name) => [name, below]));
const CONTENT = named(Object.keys(DIGEST_ALGORITHMS));
/** Those of a tree, down to where its objects lie. */
const TREE: Folders = {
  lists: undefined,
  pool: { blobs: CONTENT, index: CONTENT, manifests: named(MANIFEST_KINDS, CONTENT) },
  serial: undefined,
  [TEMPORARY]: undefined,
};
/** What file systems put into their own root. */
const OF_THE_SYSTEM = new Set(['lost+found', '.snapshot', '.zfs']);

/**
 * Makes the folder of a tree. It must be absent, empty or a tree that can be written to, and hold nothing else: all in it is
 * public, and mirrored. The root itself may be a symbolic link. Nothing is written before all is looked at.
 * @throws Fault CONFIGURATION_INVALID, naming the folder or file
 */
export async function prepareRoot(root: string): Promise<void> {
  try {
    const isThere = await isFolder(root);
    if (isThere) {
      await look(root, root, TREE);
      await refuseNewerFormat(directoryTree(root), 'tree.filesystem.root');
    } else await makeFolder(root);
    if (((await stat(root)).mode & 0o7777) !== FOLDER_MODE) await chmod(root, FOLDER_MODE);
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw refuse(root, root, `can not be written to: ${reasonOf(error)}`, error);
  }
}

/** Whether the root is there. @throws Fault CONFIGURATION_INVALID when a file is there, or a link that leads nowhere */
async function isFolder(root: string): Promise<boolean> {
  try {
    if ((await stat(root)).isDirectory()) return true;
    throw refuse(root, root, 'is a file: name a folder');
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
  const isLink = await lstat(root).catch(() => undefined);
  if (isLink === undefined) return false;
  throw refuse(root, root, 'is a symbolic link to nothing: make the folder that it names');
}

async function makeFolder(root: string): Promise<void> {
  try {
    await mkdir(root, { recursive: true });
  } catch (error) {
    // Node says ENOENT of a file system that is read-only.
    let above = path.dirname(path.resolve(root));
    while ((await lstat(above).catch(() => undefined)) === undefined) above = path.dirname(above);
    await access(above, constants.W_OK | constants.X_OK);
    throw error;
  }
}

/** @param may the folders that it may hold; undefined: whatever it holds is not looked at */
async function look(root: string, folder: string, may: Folders | undefined): Promise<void> {
  try {
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw refuse(root, folder, `can not be written to: ${reasonOf(error)}`, error);
  }
  if (may === undefined) return;
  const names = (await readdir(folder)).filter((name) => !OF_THE_SYSTEM.has(name)).toSorted();
  const stranger = names.find((name) => !Object.hasOwn(may, name));
  if (stranger !== undefined) {
    const isTree = folder !== root || names.includes('serial');
    throw refuse(root, folder, `holds ${quote(stranger)}${isTree ? NO_PART : NO_TREE}`);
  }
  for (const name of names) {
    const place = path.join(folder, name);
    const found = await lstat(place);
    if (found.isSymbolicLink())
      throw refuse(
        root,
        place,
        'is a symbolic link, and no reader follows one in a tree: put the folder itself there',
      );
    if (!found.isDirectory()) throw refuse(root, place, 'is a file, where a tree has a folder');
    await look(root, place, may[name]);
  }
}

const NO_TREE = ' and is not a tree: name an empty folder';
const NO_PART =
  ', which is no part of a tree, where all is public and mirrored: move it elsewhere, or name another folder';

const REASONS: Readonly<Record<string, string>> = {
  EROFS: 'its file system is mounted read-only',
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  EEXIST: 'a file is where a folder should be',
  ENOTDIR: 'a file is where a folder should be',
};

function reasonOf(error: unknown): string {
  return REASONS[codeOf(error)] ?? (error instanceof Error ? error.message : String(error));
}

function refuse(root: string, place: string, why: string, cause?: unknown): Fault {
  return new Fault(
    'CONFIGURATION_INVALID',
    `tree.filesystem.root: ${place} ${why}`,
    { path: root },
    { cause },
  );
}
