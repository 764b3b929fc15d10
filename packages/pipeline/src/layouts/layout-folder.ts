import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, copyFile, link, mkdir, readFile, rename, rm, rmdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { digestOf, Fault, splitDigest } from '@gantry/oci';
import {
  codeOf,
  digestAt,
  finishFile,
  FOLDER_MODE,
  isNoHardlink,
  namesIn,
  syncFolder,
  writing,
} from '../publish/filesystem-target/files.ts';
import type { LaidContent } from './layout.ts';

/** The folder of what is on its way in or out. No repository's name begins with a `.`. */
export const TEMPORARY = '.tmp';
/** Up to this size a copy is read to see whether it is the right one; a larger one is told by its name and size. */
const READ_MAX_BYTES = 4 * 1024 * 1024;

/**
 * A layout's folder, as whoever updates it writes it. Each change is a rename from or to a folder of the update's own,
 * which its successor removes first: so an update that was stopped for long changes nothing any more when it wakes.
 */
export class LayoutFolder {
  /** How many files had to be copied. */
  copies = 0;
  readonly root: string;
  readonly #tree: string;
  readonly #madeFolders = new Set<string>();
  /** Folders with names in them that a loss of power could take away. */
  readonly #unsettled = new Set<string>();
  /** Folders that may be empty now. */
  readonly #left = new Set<string>();
  #own: string;

  /** @param tree the folder of the tree that files are linked from */
  constructor(root: string, tree: string) {
    this.root = root;
    this.#tree = tree;
    this.#own = this.at(`${TEMPORARY}/none`);
  }

  at(file: string): string {
    return path.join(this.root, file);
  }

  /** Shuts out the updates before this one. @param confirm throws when the lease is lost */
  async begin(confirm: () => Promise<void>): Promise<void> {
    const own = this.at(`${TEMPORARY}/${randomBytes(12).toString('hex')}`);
    await mkdir(own, { recursive: true });
    const former = (await namesIn(this.at(TEMPORARY))).map((name) => this.at(`${TEMPORARY}/${name}`));
    await confirm();
    this.#own = own;
    for (const folder of former.filter((one) => one !== own))
      await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  }

  /**
   * Puts a file in its place at once, also where another lies. One that is right already stays.
   * @throws Fault TREE_INVALID when the tree lacks it: then none lies there
   */
  async put(file: string, content: LaidContent): Promise<void> {
    const place = this.at(file);
    if (await this.#isThere(place, content)) return;
    const temporary = await this.#prepare(content).catch(async (error: unknown) => {
      // What lies there is another file, or a damaged one: none at all is better.
      if (error instanceof Fault && error.code === 'TREE_INVALID') await this.remove(file);
      throw error;
    });
    await this.#makeFolder(path.dirname(place));
    await this.#guarded(rename(temporary, place));
    // Two names of one file: then the rename has done nothing, by POSIX.
    await rm(temporary, { force: true });
    this.#unsettled.add(path.dirname(place));
  }

  /** Removes a file, or a folder with all that is in it; no error if it is absent. */
  async remove(file: string): Promise<void> {
    const place = this.at(file);
    const gone = path.join(this.#own, randomBytes(12).toString('hex'));
    try {
      await rename(place, gone);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ENOTDIR') throw error;
      await this.#guarded(stat(this.#own));
      return;
    }
    this.#madeFolders.clear();
    this.#unsettled.add(path.dirname(place));
    this.#left.add(path.dirname(place));
    await rm(gone, { recursive: true, force: true });
  }

  /** Removes folders that have become empty. Not while files are put. */
  async prune(): Promise<void> {
    for (const folder of [...this.#left].toSorted().toReversed()) {
      for (let at = folder; at.length > this.root.length; at = path.dirname(at)) {
        const removed = await rmdir(at).then(
          () => true,
          (error: unknown) => codeOf(error) === 'ENOENT',
        );
        if (!removed) break;
        this.#unsettled.delete(at);
        this.#unsettled.add(path.dirname(at));
      }
    }
    this.#left.clear();
    this.#madeFolders.clear();
  }

  /** What was put and removed so far is durable when this resolves. */
  async settle(): Promise<void> {
    const folders = [...this.#unsettled];
    this.#unsettled.clear();
    // The first takes the whole journal along; the others find nothing left to do.
    for (const folder of folders) await syncFolder(folder);
  }

  /** Ends the update: its own folder goes. */
  async end(): Promise<void> {
    await rm(this.#own, { recursive: true, force: true });
  }

  async #isThere(place: string, content: LaidContent): Promise<boolean> {
    const found = await statOf(place);
    if (found === undefined) return false;
    if ('bytes' in content) {
      return (
        found.size === content.bytes.length && Buffer.compare(await readFile(place), content.bytes) === 0
      );
    }
    const original = await statOf(path.join(this.#tree, content.pool));
    if (original !== undefined && original.ino === found.ino && original.dev === found.dev) return true;
    if (content.size !== undefined && found.size !== content.size) return false;
    if (found.nlink > 1 && original?.dev === found.dev) return false; // linked, and to another file
    // One that the tree lacks was damaged there, and this may be the very file.
    if (original === undefined) return (await digestAt(place, content.digest)) === content.digest;
    if (found.size > READ_MAX_BYTES) return place.endsWith(splitDigest(content.digest).hex);
    const bytes = await readFile(place);
    return digestOf(bytes, splitDigest(content.digest).algorithm) === content.digest;
  }

  /** The file under a name of the update's own, durable and with its mode. */
  async #prepare(content: LaidContent): Promise<string> {
    const temporary = path.join(this.#own, randomBytes(12).toString('hex'));
    if ('bytes' in content) {
      await this.#guarded(writing(content.bytes)(temporary));
      await finishFile(temporary);
      return temporary;
    }
    const original = path.join(this.#tree, content.pool);
    try {
      await link(original, temporary);
      return temporary;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') await this.#refuseAbsent(content.pool, original, error);
      if (!isNoHardlink(error)) throw error;
    }
    this.copies++;
    await this.#guarded(copyFile(original, temporary, constants.COPYFILE_FICLONE));
    await finishFile(temporary);
    return temporary;
  }

  async #refuseAbsent(pool: string, original: string, cause: unknown): Promise<void> {
    if ((await statOf(original)) === undefined) {
      const why = `${original} is absent, which the tree names: publish again, it puts back what is missing`;
      throw new Fault('TREE_INVALID', why, { path: pool }, { cause });
    }
    await this.#guarded(Promise.reject(cause));
  }

  async #makeFolder(folder: string): Promise<void> {
    if (this.#madeFolders.has(folder) || folder.length <= this.root.length) return;
    await this.#makeFolder(path.dirname(folder));
    try {
      await mkdir(folder);
      await chmod(folder, FOLDER_MODE); // whatever the umask
      this.#unsettled.add(path.dirname(folder));
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    }
    this.#madeFolders.add(folder);
  }

  /** What fails because the update's own folder is gone was shut out. */
  async #guarded(work: Promise<unknown>): Promise<void> {
    try {
      await work;
    } catch (error) {
      if (codeOf(error) !== 'ENOENT' || (await statOf(this.#own)) !== undefined) throw error;
      const why = `${this.#own} was removed by another update, which has followed this one`;
      throw new Fault('LEASE_LOST', why, { path: this.#own }, { cause: error });
    }
  }
}

async function statOf(place: string) {
  try {
    return await stat(place);
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}
