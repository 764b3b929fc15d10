import * as fs from 'node:fs';
import { promisify } from 'node:util';

/**
 * Calls on file descriptors, made in the thread pool. Not by FileHandle: that can be closed in the pool only, and each
 * trip there costs more than a call that does not wait for the disk. Those (fstat, close) are therefore made at once,
 * where they are needed.
 */
export const openFile = promisify(fs.open);
export const writeFile = promisify(fs.write);
export const readFile = promisify(fs.read);
export const changeMode = promisify(fs.fchmod);
export const truncateFile = promisify(fs.ftruncate);
export const flushFile = promisify(fs.fsync);

/** Closes a descriptor once: by a second time, its number may be another file's. */
export function closer(file: number): () => void {
  let isOpen = true;
  return () => {
    if (isOpen) {
      isOpen = false;
      fs.closeSync(file);
    }
  };
}
