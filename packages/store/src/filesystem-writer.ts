import type { Hash } from 'node:crypto';
import { fstatSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Digest, hasherFor, splitDigest } from '@gantry/oci';
import { AppendFile, hashFile } from './append-file.ts';
import type { BlobFile, DirectWrites } from './blob-file.ts';
import type { BlobWriter } from './blob-store.ts';
import type { DirectoryFlushes } from './durable-directory.ts';
import { changeMode, flushFile, truncateFile } from './file-calls.ts';
import type { PieceBuffers } from './piece-buffers.ts';
import { BLOB_MODE, type Claim, type PartialFiles } from './partial-files.ts';
import { storageFault } from './storage-fault.ts';
import { hasEnded, tooLong, tooShort, wrongDigest } from './writer-faults.ts';

export interface WriterOptions {
  readonly digest: Digest;
  readonly size: number;
  /** Where the blob becomes visible. */
  readonly target: string;
  /** Makes the folder of `target`. Resolves when it is there; `durable` does when it outlives a power loss. */
  readonly makeFolder: () => Promise<{ durable: Promise<void> }>;
  readonly partials: PartialFiles;
  readonly directories: DirectoryFlushes;
  readonly buffers: PieceBuffers;
  readonly direct: DirectWrites;
  /** Takes the time from the blob's being visible to its being durable. */
  readonly settling: (durable: Promise<void>) => void;
  /** Called once, when the writer has ended. */
  readonly release: () => void;
}

/**
 * Writes a blob into a partial file that is its own, and renames it into place. Whoever calls it waits for one call before
 * the next.
 */
export class FilesystemWriter implements BlobWriter {
  readonly #options: WriterOptions;
  readonly #claim: Claim;
  readonly #blobFile: BlobFile;
  #hash: Hash;
  #file: AppendFile;
  #resumedAt: number;
  #ended = false;

  private constructor(options: WriterOptions, claim: Claim, blobFile: BlobFile, hash: Hash, length: number) {
    this.#options = options;
    this.#claim = claim;
    this.#blobFile = blobFile;
    this.#hash = hash;
    this.#file = new AppendFile(blobFile, hash, options.size, length, options.buffers);
    this.#resumedAt = length;
  }

  /** Goes on with what an earlier attempt left, or starts. */
  static async open(options: WriterOptions): Promise<FilesystemWriter> {
    const { digest, size, partials, buffers, direct } = options;
    let claim = await partials.claim(digest, direct.isFor(size));
    const hash = hasherFor(digest);
    try {
      const { file, close } = direct.open(claim.path, claim.file, size);
      claim = closedWith(claim, close);
      // An attempt that was told another size may have left more than the blob has.
      if (claim.length > size) await truncateFile(claim.file, 0);
      else if (claim.length > 0) await hashFile(claim.file, claim.length, hash, buffers);
      return new FilesystemWriter(options, claim, file, hash, claim.length > size ? 0 : claim.length);
    } catch (error) {
      await partials.drop(claim);
      throw storageFault(error, claim.path);
    }
  }

  get offset(): number {
    return this.#file.length;
  }

  async append(chunk: Uint8Array): Promise<void> {
    this.#mustBeOpen();
    const { digest, size } = this.#options;
    if (this.#file.length + chunk.length > size) {
      await this.restart();
      throw tooLong(digest, size);
    }
    await this.#attempt(() => this.#file.append(chunk));
  }

  async commit(): Promise<void> {
    this.#mustBeOpen();
    const { digest, size } = this.#options;
    if (this.#file.length < size) throw tooShort(digest, size, this.#file.length);
    await this.#attempt(() => this.#file.flush());
    const received = `${splitDigest(digest).algorithm}:${this.#hash.digest('hex')}`;
    if (received !== digest) {
      const resumedAt = this.#resumedAt;
      await this.restart();
      throw wrongDigest(digest, received, resumedAt);
    }
    await this.#attempt(() => this.#moveIntoPlace());
    this.#end();
  }

  async suspend(): Promise<void> {
    if (this.#ended) return;
    if (this.#file.length === 0) return await this.#drop();
    await this.#attempt(async () => {
      await this.#file.flush();
      await this.#options.partials.leave(this.#options.digest, this.#claim);
    });
    this.#end();
  }

  async restart(): Promise<void> {
    this.#mustBeOpen();
    const { digest, size, buffers } = this.#options;
    await this.#attempt(async () => {
      await this.#file.abandon();
      await truncateFile(this.#claim.file, 0);
    });
    this.#hash = hasherFor(digest);
    this.#file = new AppendFile(this.#blobFile, this.#hash, size, 0, buffers);
    this.#resumedAt = 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.suspend();
  }

  /** What was written can't be relied on after a failure, and a full disk needs the space: that ends the writer. */
  async #attempt(call: () => Promise<void>): Promise<void> {
    try {
      await call();
    } catch (error) {
      await this.#drop();
      throw storageFault(error, this.#claim.path);
    }
  }

  /** Durable first, then visible, then durably so. */
  async #moveIntoPlace(): Promise<void> {
    const { file, path, close } = this.#claim;
    const { target, makeFolder, directories, settling } = this.#options;
    if ((fstatSync(file).mode & 0o777) !== BLOB_MODE) await changeMode(file, BLOB_MODE);
    await flushFile(file);
    const { durable } = await makeFolder();
    const { promise, resolve } = Promise.withResolvers<void>();
    settling(promise);
    try {
      await rename(path, target);
      await Promise.all([directories.flush(dirname(target)), durable]);
    } finally {
      resolve();
    }
    close();
  }

  /** Ends without keeping anything. */
  async #drop(): Promise<void> {
    await this.#file.abandon();
    try {
      await this.#options.partials.drop(this.#claim);
    } finally {
      this.#end();
    }
  }

  #end(): void {
    this.#ended = true;
    this.#options.release();
  }

  #mustBeOpen(): void {
    if (this.#ended) throw hasEnded(this.#options.digest);
  }
}

function closedWith(claim: Claim, close: () => void): Claim {
  return {
    ...claim,
    close() {
      close();
      claim.close();
    },
  };
}
