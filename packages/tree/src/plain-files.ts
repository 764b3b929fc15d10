import { hash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { type Digest, Fault, hasherFor, splitDigest } from '@gantry/oci';

/**
 * Reads plain files of a directory, waiting for each: for a thread that has nothing else to do, many times as fast as
 * promises. No symbolic link is followed.
 */
export interface PlainFiles {
  /** All bytes; undefined if it is absent. @throws Fault TREE_INVALID when it is too large or no plain file, UNAVAILABLE */
  read(file: string, maxBytes: number): Uint8Array | undefined;
  /**
   * Whether a file that has the size also has the digest; undefined if it is absent.
   * @param onBytes told of each piece of a large file; `bytes` is what is left to tell
   * @throws Fault TREE_INVALID when it is no plain file, UNAVAILABLE
   */
  hash(file: string, digest: Digest, size: number, onBytes: (bytes: number) => void): HashedFile | undefined;
}

export interface HashedFile {
  readonly matches: boolean;
  /** Of the file; one of another size than the wanted is not read. */
  readonly size: number;
  readonly bytes: number;
}

const BUFFER_BYTES = 1024 * 1024;
const TELL_EVERY_BYTES = 64 * 1024 * 1024;

export function plainFiles(directory: string): PlainFiles {
  const buffer = Buffer.allocUnsafe(BUFFER_BYTES);
  const folders = new Set<string>();

  /** A folder that is reached by a link is none of the tree's. */
  const checkFolder = (folder: string) => {
    if (folders.has(folder)) return;
    if (realpathSync(folder) !== path.join(realpathSync(directory), path.relative(directory, folder)))
      throw irregular(folder, 'a symbolic link');
    folders.add(folder);
  };

  /** Calls `work` with an open plain file and its size; undefined if it is absent. */
  const withFile = <T>(name: string, work: (descriptor: number, size: number) => T): T | undefined => {
    const file = `${directory}/${name}`;
    let descriptor: number | undefined;
    try {
      checkFolder(file.slice(0, file.lastIndexOf('/')));
      // A named pipe would otherwise hold the open until someone writes.
      descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      const stats = fstatSync(descriptor);
      if (!stats.isFile()) throw irregular(file, 'a folder or a device');
      return work(descriptor, stats.size);
    } catch (error) {
      if (error instanceof Fault) throw error;
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
      if (code === 'ELOOP') throw irregular(file, 'a symbolic link');
      const why = error instanceof Error ? error.message : String(error);
      throw new Fault('UNAVAILABLE', `${file} can not be read: ${why}`, { path: file }, { cause: error });
    } finally {
      if (descriptor !== undefined) closeSync(descriptor);
    }
  };

  return {
    read: (name, maxBytes) =>
      withFile(name, (descriptor, size) => {
        if (size > maxBytes) {
          const why = `${name} has ${size} bytes, and ${maxBytes} are the most that is read`;
          throw new Fault('TREE_INVALID', why, { path: name, size });
        }
        const bytes = Buffer.allocUnsafe(size);
        return bytes.subarray(0, fill(descriptor, bytes));
      }),
    hash: (name, digest, wanted, onBytes) =>
      withFile(name, (descriptor, size) => {
        if (size !== wanted) return { matches: false, size, bytes: 0 };
        const { algorithm, hex } = splitDigest(digest);
        if (size <= BUFFER_BYTES) {
          const bytes = buffer.subarray(0, fill(descriptor, buffer.subarray(0, size)));
          return { matches: hash(algorithm, bytes, 'hex') === hex, size, bytes: bytes.length };
        }
        const hasher = hasherFor(digest);
        let untold = 0;
        for (;;) {
          const count = fill(descriptor, buffer);
          hasher.update(buffer.subarray(0, count));
          untold += count;
          if (count < BUFFER_BYTES) return { matches: hasher.digest('hex') === hex, size, bytes: untold };
          if (untold < TELL_EVERY_BYTES) continue;
          onBytes(untold);
          untold = 0;
        }
      }),
  };
}

/** Reads on until the buffer is full, or the file at its end. @returns how many bytes */
function fill(descriptor: number, buffer: Uint8Array): number {
  let filled = 0;
  while (filled < buffer.length) {
    const count = readSync(descriptor, buffer, filled, buffer.length - filled, null);
    if (count === 0) break;
    filled += count;
  }
  return filled;
}

function irregular(file: string, what: string): Fault {
  return new Fault('TREE_INVALID', `${file} is, or lies under, ${what}: a tree holds plain files only`, {
    path: file,
  });
}
