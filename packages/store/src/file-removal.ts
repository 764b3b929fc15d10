import { randomUUID } from 'node:crypto';
import { createReadStream, type Stats } from 'node:fs';
import { link, mkdir, readdir, rename, rm, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Digest, Fault } from '@gantry/oci';
import type { BlobRemoval } from './blob-removal.ts';
import { digestOfStream } from './digest-of-stream.ts';
import { makeDirectory, syncDirectory } from './durable-directory.ts';
import { storageFault } from './storage-fault.ts';
import { errorCode, unless } from './system-error.ts';

/** Of a machine that has come to a limit, or a server of files that does not answer. */
const BUSY: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN', 'ESTALE', 'ETIMEDOUT']);

/** Where blobs lie, and what is known of them. */
interface Place {
  readonly root: string;
  placeOf(digest: Digest): string;
  /** Forgets what lies there unfinished. */
  forget(digest: Digest): Promise<void>;
}

/**
 * Removes files. Each is first renamed into `removing/<lease>/<run>`, the run's own folder, which the next run takes away: then no
 * name is left that this one could give a file, and it can remove nothing any more.
 */
export async function startFileRemoval(
  place: Place,
  lease: string,
  confirm: () => Promise<void>,
): Promise<BlobRemoval> {
  const removing = join(place.root, 'removing', lease);
  const own = join(removing, randomUUID());
  try {
    await makeDirectory(removing, 0o700);
    await mkdir(own, { mode: 0o700 });
    // Whose folder is there before the lease is confirmed has come before; whoever takes the lease after that finds this one.
    const former = (await readdir(removing)).map((name) => join(removing, name)).filter((one) => one !== own);
    await confirm().catch(async (error: unknown) => {
      await rm(own, { recursive: true, force: true });
      throw error;
    });
    for (const one of former) await rm(one, { recursive: true, force: true, maxRetries: 10 });
    return new FileRemoval(place, own);
  } catch (error) {
    throw storageFault(error, removing);
  }
}

class FileRemoval implements BlobRemoval {
  readonly #place: Place;
  readonly #own: string;

  constructor(place: Place, own: string) {
    this.#place = place;
    this.#own = own;
  }

  async remove(digest: Digest): Promise<void> {
    const taken = await this.#take(digest);
    if (taken !== undefined) await unlink(taken).catch(unless('ENOENT'));
    await this.#place.forget(digest);
  }

  async quarantine(digest: Digest): Promise<string | undefined> {
    const path = this.#place.placeOf(digest);
    const folder = join(this.#place.root, 'quarantine');
    try {
      // Read where it lies: as long as it is not known to be damaged it is there for others.
      const looked = await fileAt(path);
      if (looked !== undefined && (await hasDigest(path, digest))) return undefined;
      await makeDirectory(folder, 0o700); // before anything is taken, as what can't be put there would be lost
      const taken = await this.#take(digest);
      if (taken === undefined) return undefined;
      if (!isSame(looked, await fileAt(taken)) && (await hasDigest(taken, digest))) {
        // Somebody has put it right meanwhile.
        await link(taken, path).catch(unless('EEXIST'));
        await syncDirectory(dirname(path));
        await unlink(taken);
        return undefined;
      }
      const aside = join(folder, digest.replace(':', '-'));
      await rename(taken, aside);
      await syncDirectory(folder);
      await syncDirectory(dirname(path));
      return aside;
    } catch (error) {
      throw storageFault(error, path);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#own, { recursive: true, force: true });
  }

  /** Takes a blob out of its place. @returns where it lies then; undefined when there is none */
  async #take(digest: Digest): Promise<string | undefined> {
    const path = this.#place.placeOf(digest);
    const taken = join(this.#own, digest.replace(':', '-'));
    try {
      await rename(path, taken);
      return taken;
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw storageFault(error, path);
      await this.#mustStand();
      return undefined;
    }
  }

  /** @throws Fault LEASE_LOST once another has followed */
  async #mustStand(): Promise<void> {
    await stat(this.#own).catch((cause: unknown) => {
      throw new Fault(
        'LEASE_LOST',
        `${this.#own} was removed by another process, which has followed this one`,
        { path: this.#own },
        { cause },
      );
    });
  }
}

async function fileAt(path: string): Promise<Stats | undefined> {
  return stat(path).catch(unless('ENOENT'));
}

/** Whether it is one file, under whatever names. */
function isSame(one: Stats | undefined, other: Stats | undefined): boolean {
  return one !== undefined && one.ino === other?.ino && one.mtimeMs === other.mtimeMs;
}

/** What can't be read any more has another digest, too. @throws where that says nothing of the file */
async function hasDigest(path: string, digest: Digest): Promise<boolean> {
  try {
    return (await digestOfStream(digest, createReadStream(path))) === digest;
  } catch (error) {
    if (BUSY.has(errorCode(error) ?? '')) throw error;
    return false;
  }
}
