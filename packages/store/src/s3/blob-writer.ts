import type { Hash } from 'node:crypto';
import { type Digest, Fault, hasherFor, splitDigest } from '@gantry/oci';
import type { BlobWriter } from '../blob-store.ts';
import { hasEnded, tooLong, tooShort, wrongDigest } from '../writer-faults.ts';
import { type BlobParts, type PartsKept, PartsSender } from './parts-sender.ts';

export interface S3WriterOptions {
  readonly digest: Digest;
  readonly size: number;
  readonly parts: BlobParts;
  /** What a former writer of this process left. */
  readonly kept: PartsKept | undefined;
  /** Keeps what this writer leaves for the next one. */
  readonly keep: (kept: PartsKept) => Promise<void>;
  /** Called once, when the writer has ended. */
  readonly release: () => void;
}

/**
 * Streams a blob into parts that S3 shows to nobody, or gathers it whole where it is small, and makes the object once
 * the digest is proven. Whoever calls it waits for one call before the next.
 */
export class S3Writer implements BlobWriter {
  readonly #options: S3WriterOptions;
  #sender: PartsSender;
  #hash: Hash;
  /** What the hash was at the end of the last full part: where the next writer can go on. */
  #hashAtPart: Hash;
  #offset: number;
  #resumedAt: number;
  #ended = false;

  constructor(options: S3WriterOptions) {
    const { digest, parts, kept } = options;
    this.#options = options;
    this.#sender = new PartsSender(parts, kept);
    this.#offset = kept?.offset ?? 0;
    this.#resumedAt = this.#offset;
    this.#hash = kept?.hash.copy() ?? hasherFor(digest);
    this.#hashAtPart = this.#hash.copy();
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
    await this.#attempt(async () => {
      for (let taken = 0; taken < chunk.length;) {
        const piece = await this.#sender.fill(chunk.subarray(taken));
        this.#hash.update(piece);
        taken += piece.length;
        this.#offset += piece.length;
        if (this.#sender.isAtPart) this.#hashAtPart = this.#hash.copy();
      }
    });
  }

  async commit(): Promise<void> {
    this.#mustBeOpen();
    const { digest, size } = this.#options;
    if (this.#offset < size) throw tooShort(digest, size, this.#offset);
    const { algorithm } = splitDigest(digest);
    const hex = this.#hash.digest('hex');
    const received = `${algorithm}:${hex}`;
    if (received !== digest) {
      const resumedAt = this.#resumedAt;
      await this.restart();
      throw wrongDigest(digest, received, resumedAt);
    }
    await this.#attempt(() => this.#sender.finish(algorithm === 'sha256' ? hex : undefined));
    this.#end();
  }

  async suspend(): Promise<void> {
    if (this.#ended) return;
    await this.#attempt(async () => {
      const upload = await this.#sender.leave();
      if (upload !== undefined) await this.#options.keep({ ...upload, hash: this.#hashAtPart });
    });
    this.#end();
  }

  async restart(): Promise<void> {
    this.#mustBeOpen();
    const { digest, parts } = this.#options;
    await this.#sender.drop();
    this.#sender = new PartsSender(parts, undefined);
    this.#hash = hasherFor(digest);
    this.#hashAtPart = this.#hash.copy();
    this.#offset = 0;
    this.#resumedAt = 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.suspend();
  }

  /** What was sent can't be relied on after a failure: that ends the writer. */
  async #attempt(call: () => Promise<void>): Promise<void> {
    try {
      await call();
    } catch (error) {
      await this.#sender.drop();
      this.#end();
      throw error;
    }
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

/** Another process was faster, but what it wrote is not there any more. */
export function goneAgain(digest: Digest): Fault {
  return new Fault('UNAVAILABLE', `the blob ${digest} was removed from the store in the meantime`, {
    digest,
  });
}
