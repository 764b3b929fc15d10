import { randomUUID } from 'node:crypto';
import { existsSync, fstatSync } from 'node:fs';
import { chmod, mkdir, readdir, rename, rm, rmdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Digest } from '@gantry/oci';
import { makeDirectory } from './durable-directory.ts';
import { closer, openFile } from './file-calls.ts';
import { unless } from './system-error.ts';

/** Blobs are never changed in place, and a hardlink in a published tree shares its mode. */
export const BLOB_MODE = 0o444;
/** Of a file that is yet to be opened for writing. */
const PARTIAL_MODE = 0o600;

const KEPT_MS = 7 * 24 * 3600 * 1000;

/** A partial file that is this process's alone until it is left, renamed away or dropped. */
export interface Claim {
  readonly path: string;
  /** Its descriptor, to read and write. */
  readonly file: number;
  readonly close: () => void;
  /** Bytes that it holds already. */
  readonly length: number;
}

/**
 * Unfinished blobs. `partial/<algorithm>-<hex>` belongs to nobody; whoever goes on with one first renames it into the
 * folder of its own session, `writing/<session>/`, so that no two processes ever write to one file. A session holds
 * a lock, `writing/<session>.lock`, which the kernel drops with the process, however it ends: so what a dead one had
 * under way is known for certain, across containers too, and is put back into `partial/` when a store is next opened.
 */
export class PartialFiles implements AsyncDisposable {
  readonly #partial: string;
  readonly #session: string;
  readonly #lock: SessionLock;

  private constructor(partial: string, session: string, lock: SessionLock) {
    this.#partial = partial;
    this.#session = session;
    this.#lock = lock;
  }

  /** @param root of the store */
  static async open(root: string): Promise<PartialFiles> {
    const partial = join(root, 'partial');
    const writing = join(root, 'writing');
    await makeDirectory(partial, 0o700);
    await makeDirectory(writing, 0o700);
    await adoptDeadSessions(writing, partial);
    await dropOld(partial);
    for (;;) {
      const session = join(writing, randomUUID());
      const lock = tryLock(`${session}.lock`);
      // Between its making and its locking, another process may have taken the lock file for that of a dead session.
      if (lock === undefined) continue;
      if (existsSync(lock.path)) {
        await mkdir(session, { mode: 0o700 });
        return new PartialFiles(partial, session, lock);
      }
      lock.release();
    }
  }

  /**
   * Takes the partial file of a digest, with what it holds, or a new one. One claim a digest at a time.
   * @param isReopened whether the file is to be opened for writing once more, by its path
   */
  async claim(digest: Digest, isReopened: boolean): Promise<Claim> {
    const path = join(this.#session, nameOf(digest));
    const left = join(this.#partial, nameOf(digest));
    // Most blobs have no beginning here, and looking is cheaper than a rename that fails.
    const found = existsSync(left) && (await succeeds(rename(left, path), 'ENOENT'));
    if (found) return await reopen(path, left);
    // A new file has the blob's mode from the start, as far as the umask and who else opens it let it.
    const file = await openFile(path, 'wx+', isReopened ? PARTIAL_MODE : BLOB_MODE);
    return { path, file, close: closer(file), length: 0 };
  }

  /** Closes the file and keeps it for whoever goes on. */
  async leave(digest: Digest, claim: Claim): Promise<void> {
    claim.close();
    await rename(claim.path, join(this.#partial, nameOf(digest)));
  }

  /** Closes the file and removes it. */
  async drop(claim: Claim): Promise<void> {
    // Unlinked first: on a full disk, space is free once the last descriptor is closed.
    await rm(claim.path, { force: true }).finally(claim.close);
  }

  /** Removes what earlier attempts have left of a digest; what is being written stays. */
  async forget(digest: Digest): Promise<void> {
    await rm(join(this.#partial, nameOf(digest)), { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await putBack(this.#session, this.#partial);
    await unlink(this.#lock.path);
    this.#lock.release();
  }
}

/** Opens a file that was renamed from `left`. When it can't be opened it goes back: here, it would be in every later claim's way. */
async function reopen(path: string, left: string): Promise<Claim> {
  try {
    await chmod(path, PARTIAL_MODE);
    const file = await openFile(path, 'r+');
    return { path, file, close: closer(file), length: fstatSync(file).size };
  } catch (error) {
    await rename(path, left).catch(() => undefined); // the first failure is the one to tell
    throw error;
  }
}

function nameOf(digest: Digest): string {
  return digest.replace(':', '-');
}

interface SessionLock {
  readonly path: string;
  release(): void;
}

/**
 * Takes a lock that ends with the process. Node has no call for file locks, but SQLite takes one when a transaction
 * begins, and nothing is written. @returns undefined if another session holds it
 */
function tryLock(path: string): SessionLock | undefined {
  const database = new DatabaseSync(path);
  try {
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY) return undefined;
    throw error;
  }
  return { path, release: () => database.close() };
}

const SQLITE_BUSY = 5;

async function adoptDeadSessions(writing: string, partial: string): Promise<void> {
  const sessions = new Set((await readdir(writing)).map((name) => name.replace(/\.lock$/, '')));
  for (const session of sessions) {
    const lock = tryLock(join(writing, `${session}.lock`));
    if (lock === undefined) continue;
    await putBack(join(writing, session), partial);
    await rm(lock.path, { force: true });
    lock.release();
  }
}

/** Moves what a session had under way into `partial/`, and removes its folder. */
async function putBack(session: string, partial: string): Promise<void> {
  const names = await readdir(session).catch(unless('ENOENT'));
  if (names === undefined) return;
  for (const name of names) await rename(join(session, name), join(partial, name));
  await rmdir(session);
}

/** What nobody went on with for a week isn't wanted any more. */
async function dropOld(partial: string): Promise<void> {
  const before = Date.now() - KEPT_MS;
  for (const name of await readdir(partial)) {
    const path = join(partial, name);
    const found = await stat(path).catch(unless('ENOENT')); // another process may have claimed it
    if (found !== undefined && found.mtimeMs < before) await rm(path, { force: true });
  }
}

async function succeeds(call: Promise<void>, but: string): Promise<boolean> {
  return (await call.then(() => true).catch(unless(but))) ?? false;
}
