import { closeSync, openSync } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { flushFile } from './file-calls.ts';
import { errorCode, unless } from './system-error.ts';

/** Makes what was created in, or renamed into, a directory outlive a power loss. */
export async function syncDirectory(path: string): Promise<void> {
  // A directory that was just written to is in the kernel's cache: opening it takes microseconds, a place in the queue
  // of the thread pool may take as long as the fsyncs before it.
  const descriptor = openSync(path, 'r');
  try {
    await flushFile(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Makes a directory and those above it that are missing, durably. No effect when it is there.
 *
 * Not by the `recursive` option of mkdir: that never returns below a symbolic link that leads nowhere, or in /proc.
 */
export async function makeDirectory(path: string, mode = 0o777): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    if (errorCode(error) === 'EEXIST') {
      if ((await stat(path)).isDirectory()) return;
      throw new Error(`${path} is not a folder`, { cause: error });
    }
    if (errorCode(error) !== 'ENOENT' || dirname(path) === path) throw error;
    await makeDirectory(dirname(path), mode);
    await mkdir(path, { mode }).catch(unless('EEXIST'));
  }
  await syncDirectory(dirname(path));
}

/** Makes changes of directories durable. Those that wait for the same directory share one fsync. */
export class DirectoryFlushes {
  readonly #underWay = new Map<string, Promise<void>>();
  readonly #waiting = new Map<string, Promise<void>>();

  /** Resolves when what was changed in the directory before this call outlives a power loss. */
  flush(path: string): Promise<void> {
    let flush = this.#waiting.get(path);
    if (flush === undefined) {
      // One that is under way may have begun before the change: only one that is yet to begin is sure to take it in.
      flush = this.#after(this.#underWay.get(path), path);
      this.#waiting.set(path, flush);
    }
    return flush;
  }

  async #after(former: Promise<void> | undefined, path: string): Promise<void> {
    await former?.catch(() => undefined); // whoever waits for that one is told
    this.#waiting.delete(path);
    const flush = syncDirectory(path);
    this.#underWay.set(path, flush);
    try {
      await flush;
    } finally {
      if (this.#underWay.get(path) === flush) this.#underWay.delete(path);
    }
  }
}
