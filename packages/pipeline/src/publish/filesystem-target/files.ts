import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, link, lstat, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type Digest, Fault, forEachConcurrently, hasherFor, splitDigest } from '@gantry/oci';

export const FOLDER_MODE = 0o755;
const FILE_MODE = 0o444;
const REMOVALS_AT_ONCE = 16;
/** The folder of files on their way; it is not of the tree's grammar, so no reader and no list has them. */
export const TEMPORARY = '.tmp';

/**
 * Files of a tree, written so that each is whole, durable and of the right mode before it has its name.
 *
 * A publication has a folder of its own for files on their way, and every name that it gives is given to one of those. So
 * it is shut out for good by the removal of that folder, however long it was stopped, and wherever.
 */
export class TreeFiles {
  readonly #root: string;
  readonly #madeFolders = new Set<string>();
  /** Folders with names in them that a loss of power could take away. */
  readonly #unsettled = new Set<string>();
  /** The folder of this publication. */
  #own: string;

  constructor(root: string) {
    this.#root = root;
    this.#own = this.#newFolder();
  }

  /** The place of a path of the tree. */
  at(path: string): string {
    return join(this.#root, path);
  }

  /**
   * Shuts out all publications before this one, with what they have left on its way.
   *
   * Whose folder is there before the lease is confirmed has come before: no successor's can be among them. And a successor
   * that takes the lease over after that finds this one's.
   * @returns whether nobody else has begun a publication since this one's last: then its folder would be gone
   */
  async begin(confirm: () => Promise<void>): Promise<boolean> {
    this.#madeFolders.clear(); // between publications, somebody may have tidied up
    const own = this.#newFolder();
    await this.makeFolder(own);
    const folder = this.at(TEMPORARY);
    const former = (await namesIn(folder)).filter((name) => join(folder, name) !== own);
    try {
      await confirm();
    } catch (error) {
      await rm(own, { recursive: true, force: true });
      throw error;
    }
    const isAlone = former.includes(basename(this.#own));
    this.#own = own;
    for (const name of former) await rm(join(folder, name), { recursive: true, force: true, maxRetries: 10 }); // while its owner writes there
    return isAlone;
  }

  /** Puts a file where one may lie already, which it takes the place of. */
  async replace(place: string, write: (file: string) => Promise<void>): Promise<void> {
    await this.makeFolder(dirname(place));
    this.note(place);
    await this.#withTemporary(write, (temporary) => rename(temporary, place));
  }

  /** Puts a file where none lies. @returns false if one does, with other bytes */
  async create(place: string, bytes: Uint8Array | AsyncIterable<Uint8Array>): Promise<boolean> {
    await this.makeFolder(dirname(place));
    this.note(place);
    return this.#withTemporary(writing(bytes), async (temporary) => {
      const isNew = (await linked(temporary, place)) ?? (await this.#renameToNew(temporary, place));
      const isMine = isNew || (await isSame(temporary, place));
      await rm(temporary, { force: true });
      return isMine;
    });
  }

  async makeFolder(folder: string): Promise<void> {
    if (this.#madeFolders.has(folder)) return;
    if (folder !== this.#root) await this.makeFolder(dirname(folder));
    try {
      await mkdir(folder);
      await chmod(folder, FOLDER_MODE); // whatever the umask
      this.note(folder);
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    }
    this.#madeFolders.add(folder);
  }

  /** Has `settle` make the name durable; also of what is there already: a run that was cut off may have left it so. */
  note(place: string): void {
    this.#unsettled.add(dirname(place));
  }

  /**
   * Takes files away, each into this publication's own folder first: so one that is shut out takes nothing. A loss of power
   * may bring some back.
   * @throws Fault LEASE_LOST
   */
  async removeAll(places: readonly string[]): Promise<void> {
    const own = this.#own;
    await this.makeFolder(own);
    await forEachConcurrently(places, REMOVALS_AT_ONCE, async (place) => {
      const file = join(own, randomBytes(12).toString('hex'));
      try {
        await rename(place, file);
      } catch (error) {
        if (!GONE.has(codeOf(error))) throw error;
        if ((await sizeAt(own)) === undefined) throw shutOut(own, error);
        return;
      }
      await rm(file, { force: true });
    });
  }

  async settle(): Promise<void> {
    const folders = [...this.#unsettled];
    this.#unsettled.clear();
    await Promise.all(folders.map(syncFolder));
  }

  /**
   * As `linked`, where there are no hardlinks: no rename can leave alone what is there, so a folder that can be made once
   * says who may look and rename. One that was followed in between is shut out, as its file is gone; and what it left is.
   */
  async #renameToNew(temporary: string, place: string): Promise<boolean> {
    const turn = join(this.at(TEMPORARY), `new-${basename(place)}`);
    try {
      await mkdir(turn);
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return false;
      throw error;
    }
    try {
      if ((await sizeAt(place)) !== undefined) return false;
      await rename(temporary, place);
      return true;
    } finally {
      await rm(turn, { recursive: true, force: true });
    }
  }

  #newFolder(): string {
    return join(this.at(TEMPORARY), randomBytes(12).toString('hex'));
  }

  /** Writes a file that is durable, still under a name of its own, and hands that on. */
  async #withTemporary<T>(
    write: (file: string) => Promise<void>,
    place: (temporary: string) => Promise<T>,
  ): Promise<T> {
    const own = this.#own;
    await this.makeFolder(own); // made once: removed by another publisher, it stays so
    const file = join(own, randomBytes(12).toString('hex'));
    try {
      await write(file);
      await finishFile(file);
      return await place(file);
    } catch (error) {
      if (GONE.has(codeOf(error)) && (await sizeAt(own)) === undefined) throw shutOut(own, error);
      await rm(file, { force: true });
      throw error;
    }
  }
}

/** What a file system says where a hardlink is not possible: another device, too many links, not supported, not permitted. */
const NO_HARDLINK = new Set(['EXDEV', 'EMLINK', 'EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP']);

export function isNoHardlink(error: unknown): boolean {
  return NO_HARDLINK.has(codeOf(error));
}

/** Gives a file a name that none has. @returns false if one has; undefined where there are no hardlinks */
async function linked(temporary: string, place: string): Promise<boolean | undefined> {
  try {
    await link(temporary, place);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    if (isNoHardlink(error)) return undefined;
    throw error;
  }
}

/** What the system says of a file in a folder that is gone; ESTALE where that is on another machine. */
const GONE = new Set(['ENOENT', 'ESTALE']);

/** Writes these bytes into a new file. */
export function writing(bytes: Uint8Array | AsyncIterable<Uint8Array>): (file: string) => Promise<void> {
  return async (file) => {
    const handle = await open(file, 'wx', 0o600);
    try {
      await handle.writeFile(bytes);
    } finally {
      await handle.close();
    }
  };
}

/** Whether two files hold the same bytes. */
async function isSame(one: string, other: string): Promise<boolean> {
  if ((await sizeAt(one)) !== (await sizeAt(other))) return false;
  const [ofOne, ofOther] = await Promise.all([one, other].map(hashOf));
  return ofOne === ofOther;
}

async function hashOf(place: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(place) as AsyncIterable<Buffer>) hash.update(chunk);
  return hash.digest('hex');
}

/** Whether a file is there and has these bytes. */
export async function holds(place: string, bytes: Uint8Array): Promise<boolean> {
  if ((await sizeAt(place)) !== bytes.length) return false;
  return Buffer.compare(await readFile(place), bytes) === 0;
}

/** The digest of a file's bytes, by the algorithm of another digest. */
export async function digestAt(place: string, like: Digest): Promise<Digest> {
  const hash = hasherFor(like);
  for await (const chunk of createReadStream(place) as AsyncIterable<Buffer>) hash.update(chunk);
  return `${splitDigest(like).algorithm}:${hash.digest('hex')}`;
}

/** Whether two places are names of one file; not if one is absent. */
export async function isSameFile(one: string, other: string): Promise<boolean> {
  try {
    const [first, second] = await Promise.all([stat(one), stat(other)]);
    return first.ino === second.ino && first.dev === second.dev;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/** A file's size in bytes; undefined if it is absent. */
export async function sizeAt(place: string): Promise<number | undefined> {
  try {
    return (await stat(place)).size;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** When a file got the name that it has, or another one; undefined if it is absent. */
export async function changedAt(place: string): Promise<Date | undefined> {
  try {
    return (await lstat(place)).ctime;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** What lies in a folder; nothing in one that is absent. */
export async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/** The system's code of an error, as `ENOENT`; '' for any other error. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

function shutOut(folder: string, cause: unknown): Fault {
  return new Fault(
    'LEASE_LOST',
    `${folder} was removed by another publisher, which has followed this one`,
    { path: folder },
    { cause },
  );
}

/** Makes a file durable, with the mode that all files of a tree have. */
export async function finishFile(file: string): Promise<void> {
  const handle = await open(file, 'r');
  try {
    await handle.chmod(FILE_MODE);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes the names in a folder durable. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
