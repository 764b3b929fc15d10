import { closeSync, fsync, openSync } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { errorCode, unless } from './system-error.ts';

const flush = promisify(fsync);

/** Makes what was created in, or renamed into, a directory outlive a power loss. */
export async function syncDirectory(path: string): Promise<void> {
  // A directory that was just written to is in the kernel's cache: opening it takes microseconds, a place in the queue
  // of the thread pool may take as long as the fsyncs before it.
  const descriptor = openSync(path, 'r');
  try {
    await flush(descriptor);
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
