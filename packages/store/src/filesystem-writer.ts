import type { Hash } from 'node:crypto';
import { rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Digest, Fault, hasherFor, splitDigest } from '@gantry/oci';
import { AppendFile, hashFile, type PieceBuffers } from './append-file.ts';
import type { BlobWriter } from './blob-store.ts';
import { syncDirectory } from './durable-directory.ts';
import type { Claim, PartialFiles } from './partial-files.ts';
import { storageFault } from './storage-fault.ts';

/** Blobs are never changed in place, and a hardlink in a published tree shares its mode. */
const BLOB_MODE = 0o444;

export interface WriterOptions {
  readonly digest: Digest;
  readonly size: number;
  /** Where the blob becomes visible. */
  readonly target: string;
  /** Makes the folder of `target`. Resolves when it is there; `durable` does when it outlives a power loss. */
  readonly makeFolder: () => Promise<{ durable: Promise<void> }>;
  readonly partials: PartialFiles;
  readonly buffers: PieceBuffers;
  /** Takes the time from the blob's being visible to its being durable. */
  readonly settling: (durable: Promise<void>) => void;
  /** Called once, when the writer has ended. */
  readonly release: () => void;
}

/** Writes a blob into a partial file that is its own, and renames it into place. */
export class FilesystemWriter implements BlobWriter {
  readonly #options: WriterOptions;
  #claim: Claim;
  #hash: Hash;
  #file: AppendFile;
  #resumedAt: number;
  #ended = false;
  #lastCall: Promise<void> = Promise.resolve();

  private constructor(options: WriterOptions, claim: Claim, hash: Hash, length: number) {
    this.#options = options;
    this.#claim = claim;
    this.#hash = hash;
    this.#file = new AppendFile(claim.handle, hash, options.size, length, options.buffers);
    this.#resumedAt = length;
  }

  /** Goes on with what an earlier attempt left, or starts. */
  static async open(options: WriterOptions): Promise<FilesystemWriter> {
    const { digest, size, partials, buffers } = options;
    const claim = await partials.claim(digest);
    const hash = hasherFor(digest);
    try {
      // An attempt that was told another size may have left more than the blob has.
      if (claim.length > size) await claim.handle.truncate(0);
      else if (claim.length > 0) await hashFile(claim.handle, claim.length, hash, buffers);
      return new FilesystemWriter(options, claim, hash, claim.length > size ? 0 : claim.length);
    } catch (error) {
      await partials.drop(claim);
      throw storageFault(error, claim.path);
    }
  }

  get offset(): number {
    return this.#file.length;
  }

  append(chunk: Uint8Array): Promise<void> {
    return this.#inTurn(() => this.#append(chunk));
  }

  commit(): Promise<void> {
    return this.#inTurn(() => this.#commit());
  }

  suspend(): Promise<void> {
    return this.#inTurn(() => this.#suspend());
  }

  restart(): Promise<void> {
    return this.#inTurn(() => this.#restart());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.suspend();
  }

  /** One call after the other: a store that is closed suspends its writers, whatever they are at. */
  #inTurn(call: () => Promise<void>): Promise<void> {
    const done = this.#lastCall.then(call);
    this.#lastCall = done.catch(() => undefined);
    return done;
  }

  async #append(chunk: Uint8Array): Promise<void> {
    this.#mustBeOpen();
    const { digest, size } = this.#options;
    const length = this.#file.length + chunk.length;
    if (length > size) {
      await this.#drop();
      throw new Fault('SIZE_INVALID', `the blob ${digest} has more bytes than the ${size} that were said`, {
        digest,
        size,
      });
    }
    try {
      await this.#file.append(chunk);
    } catch (error) {
      await this.#drop();
      throw storageFault(error, this.#claim.path);
    }
  }

  async #commit(): Promise<void> {
    this.#mustBeOpen();
    const { digest, size } = this.#options;
    const length = this.#file.length;
    if (length < size) {
      await this.#suspend();
      throw new Fault(
        'SIZE_INVALID',
        `the blob ${digest} ended after ${length} of ${size} bytes; they are kept, the next attempt goes on from there`,
        { digest, size, received: length },
      );
    }
    try {
      await this.#file.flush();
      const { algorithm } = splitDigest(digest);
      const received = `${algorithm}:${this.#hash.digest('hex')}`;
      if (received !== digest) throw wrongDigest(digest, received, this.#resumedAt);
      await this.#moveIntoPlace();
    } catch (error) {
      await this.#drop();
      throw storageFault(error, this.#claim.path);
    }
    this.#end();
  }

  async #suspend(): Promise<void> {
    if (this.#ended) return;
    if (this.#file.length === 0) return await this.#drop();
    try {
      await this.#file.flush();
      await this.#options.partials.leave(this.#options.digest, this.#claim);
    } catch (error) {
      await this.#drop();
      throw storageFault(error, this.#claim.path);
    }
    this.#end();
  }

  async #restart(): Promise<void> {
    this.#mustBeOpen();
    const { digest, size, buffers } = this.#options;
    try {
      await this.#file.abandon();
      await this.#claim.handle.truncate(0);
    } catch (error) {
      await this.#drop();
      throw storageFault(error, this.#claim.path);
    }
    this.#hash = hasherFor(digest);
    this.#file = new AppendFile(this.#claim.handle, this.#hash, size, 0, buffers);
    this.#resumedAt = 0;
  }

  /** Durable first, then visible, then durably so. */
  async #moveIntoPlace(): Promise<void> {
    const { handle, path } = this.#claim;
    const { target, makeFolder, settling } = this.#options;
    await handle.chmod(BLOB_MODE);
    await handle.sync();
    const { durable } = await makeFolder();
    const { promise, resolve } = Promise.withResolvers<void>();
    settling(promise);
    try {
      await rename(path, target);
      await Promise.all([syncDirectory(dirname(target)), durable]);
    } finally {
      resolve();
    }
    await handle.close();
  }

  /** Ends without keeping anything: after a failure, whatever was written can't be relied on, and a full disk needs the space. */
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
    const { digest } = this.#options;
    if (this.#ended) throw new Fault('UNAVAILABLE', `the writer of the blob ${digest} has ended`, { digest });
  }
}

function wrongDigest(digest: Digest, received: string, resumedAt: number): Fault {
  const resumed =
    resumedAt === 0
      ? ''
      : `, the first ${resumedAt} of which an earlier attempt had left; a new one starts at 0`;
  return new Fault('DIGEST_INVALID', `the blob ${digest} came as bytes of ${received}${resumed}`, {
    digest,
    received,
  });
}
