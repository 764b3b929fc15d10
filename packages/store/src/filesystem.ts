import { closeSync, fstatSync, statSync } from 'node:fs';
import { open, readdir, chmod, mkdir, stat, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import {
  type Digest,
  type DigestAlgorithm,
  DIGEST_ALGORITHMS,
  Fault,
  isDigest,
  quote,
  splitDigest,
} from '@gantry/oci';
import { DirectWrites } from './blob-file.ts';
import type { BlobRemoval } from './blob-removal.ts';
import type { BlobStore, BlobWriter, ByteRange, FileBlobs } from './blob-store.ts';
import { DirectoryFlushes, makeDirectory } from './durable-directory.ts';
import { openFile, readFile } from './file-calls.ts';
import { startFileRemoval } from './file-removal.ts';
import { FilesystemWriter } from './filesystem-writer.ts';
import { OpenWriters } from './open-writers.ts';
import { PartialFiles } from './partial-files.ts';
import { PieceBuffers } from './piece-buffers.ts';
import { storageFault } from './storage-fault.ts';
import { errorCode, unless } from './system-error.ts';
import { VisibleWriter } from './visible-writer.ts';

const READ_BYTES = 256 * 1024;

/**
 * Blobs as files below `root`, which only its owner may enter: `blobs/<algorithm>/<ab>/<hex>`, mode 0444. Any number of
 * processes may use one root.
 * @throws Fault CONFIGURATION_INVALID when the root can't be made or written
 */
export async function openFilesystemStore(configuration: { root: string }): Promise<BlobStore & FileBlobs> {
  const root = resolve(configuration.root);
  try {
    await makeDirectory(dirname(root)); // others may enter it: the published tree may lie beside the store
    await makeDirectory(root, 0o700);
    // A volume's own folder may belong to another user: then its mode is the operator's affair.
    await chmod(root, 0o700).catch(unless('EPERM'));
    for (const algorithm of Object.keys(DIGEST_ALGORITHMS))
      await makeDirectory(join(root, 'blobs', algorithm), 0o700);
    return new FilesystemStore(root, await PartialFiles.open(root));
  } catch (cause) {
    const fault = storageFault(cause, root);
    if (fault.code === 'STORAGE_FULL') throw fault;
    throw new Fault(
      'CONFIGURATION_INVALID',
      `storage.filesystem.root: ${quote(root)} can not be used as a folder to write to: ${(cause as Error).message}`,
      { key: 'storage.filesystem.root', path: root },
      { cause },
    );
  }
}

class FilesystemStore implements BlobStore, FileBlobs {
  readonly #root: string;
  readonly #partials: PartialFiles;
  readonly #buffers = new PieceBuffers();
  readonly #direct = new DirectWrites(this.#buffers);
  readonly #directories = new DirectoryFlushes();
  readonly #writers = new OpenWriters();
  readonly #folders = new Map<string, Promise<{ durable: Promise<void> }>>();
  /** Blobs whose names are in place, but may not outlive a power loss yet. */
  readonly #settling = new Map<Digest, Promise<void>>();

  constructor(root: string, partials: PartialFiles) {
    this.#root = root;
    this.#partials = partials;
  }

  pathOf(digest: Digest): string {
    const { algorithm, hex } = splitDigest(digest);
    return join(this.#root, 'blobs', algorithm, hex.slice(0, 2), hex);
  }

  async stat(digest: Digest): Promise<{ size: number } | undefined> {
    const path = this.pathOf(digest);
    const found = await stat(path).catch((error: unknown) => {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw storageFault(error, path);
    });
    await this.#settling.get(digest);
    return found === undefined ? undefined : { size: found.size };
  }

  async open(digest: Digest, range?: ByteRange): Promise<Readable> {
    const handle = await this.#opened(digest, open(this.pathOf(digest)));
    if (range === undefined) return handle.createReadStream({ highWaterMark: READ_BYTES });
    const { size } = await handle.stat();
    const { start, end = Math.max(size - 1, start) } = range;
    if (start < 0 || end < start || (start >= size && start > 0)) {
      await handle.close();
      throw new Fault(
        'SIZE_INVALID',
        `the blob ${digest} has ${size} bytes, and no bytes ${start} to ${end}`,
        { digest, size },
      );
    }
    return handle.createReadStream({ start, end, highWaterMark: READ_BYTES });
  }

  async read(digest: Digest, maxBytes: number): Promise<Buffer> {
    const file = await this.#opened(digest, openFile(this.pathOf(digest), 'r'));
    try {
      const { size } = fstatSync(file);
      if (size > maxBytes) {
        throw new Fault(
          'SIZE_INVALID',
          `the blob ${digest} has ${size} bytes, more than the ${maxBytes} that are read at once`,
          { digest, size },
        );
      }
      return await readAll(file, size);
    } finally {
      closeSync(file);
    }
  }

  async write(digest: Digest, size: number): Promise<BlobWriter> {
    return await this.#writers.open(digest, async (release) => {
      try {
        return await this.#writer(digest, size, release);
      } catch (error) {
        throw storageFault(error, this.#root);
      }
    });
  }

  async *list(after?: Digest): AsyncIterable<{ digest: Digest; size: number }> {
    for (const algorithm of (Object.keys(DIGEST_ALGORITHMS) as DigestAlgorithm[]).toSorted()) {
      const parent = join(this.#root, 'blobs', algorithm);
      for (const folder of (await readdir(parent)).toSorted()) {
        if (after !== undefined && `${algorithm}:${folder}~` < after) continue;
        for (const name of (await readdir(join(parent, folder))).toSorted()) {
          const digest = `${algorithm}:${name}`;
          if (!isDigest(digest) || (after !== undefined && digest <= after)) continue;
          const found = await this.stat(digest);
          if (found !== undefined) yield { digest, size: found.size };
        }
      }
    }
  }

  async delete(digest: Digest): Promise<void> {
    const path = this.pathOf(digest);
    await unlink(path).catch((error: unknown) => {
      if (errorCode(error) !== 'ENOENT') throw storageFault(error, path);
    });
    await this.#partials.forget(digest);
  }

  startRemoval(lease: string, confirm: () => Promise<void>): Promise<BlobRemoval> {
    return startFileRemoval(
      {
        root: this.#root,
        placeOf: (digest) => this.pathOf(digest),
        forget: (digest) => this.#partials.forget(digest),
      },
      lease,
      confirm,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writers[Symbol.asyncDispose]();
    await this.#partials[Symbol.asyncDispose]();
  }

  async #opened<T>(digest: Digest, opening: Promise<T>): Promise<T> {
    return await opening.catch((cause: unknown) => {
      if (errorCode(cause) !== 'ENOENT') throw storageFault(cause, this.pathOf(digest));
      throw new Fault('BLOB_UNKNOWN', `the blob ${digest} is not in the store`, { digest }, { cause });
    });
  }

  async #writer(digest: Digest, size: number, release: () => void): Promise<BlobWriter> {
    const target = this.pathOf(digest);
    // On this thread, as whoever writes has mostly just asked: the kernel knows the answer, within microseconds.
    const found = statSync(target, { throwIfNoEntry: false });
    await this.#settling.get(digest);
    if (found === undefined) {
      return await FilesystemWriter.open({
        digest,
        size,
        target,
        makeFolder: () => this.#makeFolder(dirname(target)),
        partials: this.#partials,
        directories: this.#directories,
        buffers: this.#buffers,
        direct: this.#direct,
        settling: (durable) => this.#settle(digest, durable),
        release,
      });
    }
    if (found.size !== size) {
      throw new Fault(
        'SIZE_INVALID',
        `the blob ${digest} has ${found.size} bytes, not the ${size} that were said`,
        { digest, size },
      );
    }
    return new VisibleWriter({
      digest,
      size,
      isThere: async () => (await this.stat(digest)) !== undefined,
      makeDurable: () => this.#directories.flush(dirname(target)),
      release,
    });
  }

  /** Once a folder in a process: one that is there may be another process's, made just now. */
  async #makeFolder(path: string): Promise<{ durable: Promise<void> }> {
    let made = this.#folders.get(path);
    if (made === undefined) {
      made = makeFolder(path, this.#directories);
      this.#folders.set(path, made);
      const forget = () => this.#folders.delete(path);
      made.then(({ durable }) => durable).catch(forget);
    }
    return made;
  }

  #settle(digest: Digest, durable: Promise<void>): void {
    this.#settling.set(digest, durable);
    void durable.then(() => this.#settling.delete(digest));
  }
}

async function makeFolder(path: string, directories: DirectoryFlushes): Promise<{ durable: Promise<void> }> {
  await mkdir(path, { mode: 0o700 }).catch(unless('EEXIST'));
  return { durable: directories.flush(dirname(path)) };
}

/** The bytes of a file of that size, as far as there are any. */
async function readAll(file: number, size: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(size);
  let filled = 0;
  while (filled < size) {
    const { bytesRead } = await readFile(file, bytes, filled, size - filled, filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}
