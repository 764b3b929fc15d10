import type { Hash } from 'node:crypto';
import { type Digest, Fault, hasherFor, splitDigest } from '@gantry/oci';
import type { BlobWriter } from './blob-store.ts';
import { hasEnded, tooLong, tooShort, wrongDigest } from './writer-faults.ts';

export interface VisibleWriterOptions {
  readonly digest: Digest;
  readonly size: number;
  readonly isThere: () => Promise<boolean>;
  /** Another process may have made the blob visible just now: makes sure that its name lasts. */
  readonly makeDurable: () => Promise<void>;
  /** Called once, when the writer has ended. */
  readonly release: () => void;
}

/**
 * The writer of a blob that is in the store already, as another writer was faster: at its end from the start. Restarted,
 * it checks the bytes like any other, but has no need to write them.
 */
export class VisibleWriter implements BlobWriter {
  readonly #options: VisibleWriterOptions;
  #offset: number;
  #hash: Hash | undefined;
  #ended = false;

  constructor(options: VisibleWriterOptions) {
    this.#options = options;
    this.#offset = options.size;
  }

  get offset(): number {
    return this.#offset;
  }

  async append(chunk: Uint8Array): Promise<void> {
    this.#mustBeOpen();
    const { digest, size } = this.#options;
    if (this.#offset + chunk.length > size) {
      await this.restart();
      throw tooLong(digest, size);
    }
    this.#hash?.update(chunk);
    this.#offset += chunk.length;
  }

  async commit(): Promise<void> {
    this.#mustBeOpen();
    const { digest, size, isThere, makeDurable } = this.#options;
    if (this.#offset < size) throw tooShort(digest, size, this.#offset);
    if (this.#hash !== undefined) {
      const received = `${splitDigest(digest).algorithm}:${this.#hash.digest('hex')}`;
      await this.restart();
      if (received !== digest) throw wrongDigest(digest, received, 0);
    }
    try {
      if (await isThere()) return await makeDurable();
      throw new Fault('UNAVAILABLE', `the blob ${digest} was removed from the store in the meantime`, {
        digest,
      });
    } finally {
      this.#end();
    }
  }

  async suspend(): Promise<void> {
    this.#end();
  }

  async restart(): Promise<void> {
    this.#mustBeOpen();
    this.#offset = 0;
    this.#hash = hasherFor(this.#options.digest);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#options.release();
  }

  #mustBeOpen(): void {
    if (this.#ended) throw hasEnded(this.#options.digest);
  }
}
