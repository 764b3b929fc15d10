import { setTimeout as pause } from 'node:timers/promises';
import type { Readable } from 'node:stream';
import { type Digest, hasherFor, splitDigest } from '@gantry/oci';
import { freeChunk } from '../../free-chunk.ts';

/** Shorter waits than this cost more than they even out. */
const PAUSE_MS = 20;

/** Reads no faster than so many bytes a second, over all that it reads. */
export class PacedReader {
  readonly #bytesPerSecond: number;
  readonly #signal: AbortSignal;
  /** When what was read so far may have been read. */
  #dueMs = performance.now();

  constructor(bytesPerSecond: number, signal: AbortSignal) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#signal = signal;
  }

  /** The digest of a stream's bytes, by the algorithm of another digest. */
  async digestOf(like: Digest, stream: Readable): Promise<Digest> {
    const hash = hasherFor(like);
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      hash.update(chunk);
      const { length } = chunk;
      freeChunk(chunk);
      await this.#wait(length);
    }
    return `${splitDigest(like).algorithm}:${hash.digest('hex')}`;
  }

  async #wait(bytes: number): Promise<void> {
    this.#signal.throwIfAborted();
    // What was not read while there was nothing to read is not made up for.
    this.#dueMs = Math.max(this.#dueMs, performance.now() - PAUSE_MS) + (bytes / this.#bytesPerSecond) * 1000;
    const early = this.#dueMs - performance.now();
    if (early >= PAUSE_MS) await pause(early, undefined, { signal: this.#signal });
  }
}
