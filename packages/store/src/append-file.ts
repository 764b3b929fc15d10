import type { Hash } from 'node:crypto';
import type { BlobFile } from './blob-file.ts';
import { readFile } from './file-calls.ts';
import type { PieceBuffers } from './piece-buffers.ts';

/**
 * Appends to a file and hashes what it writes. Small chunks are gathered into large pieces; while one piece is being
 * written, it is hashed and the next one is filled, so that two pieces are the most that is in memory.
 */
export class AppendFile {
  readonly #file: BlobFile;
  readonly #hash: Hash;
  readonly #buffers: PieceBuffers;
  readonly #size: number;
  #written: number;
  #piece: Buffer | undefined;
  #filled = 0;
  #underWay: Promise<void> = Promise.resolve();

  /**
   * @param size how many bytes the file will have; no more are ever appended
   * @param position where the next byte goes; `hash` has taken those before it
   */
  constructor(file: BlobFile, hash: Hash, size: number, position: number, buffers: PieceBuffers) {
    this.#file = file;
    this.#hash = hash;
    this.#size = size;
    this.#written = position;
    this.#buffers = buffers;
  }

  /** The bytes so far, those not yet written included. */
  get length(): number {
    return this.#written + this.#filled;
  }

  /** Takes a copy of the chunk. One call at a time. Resolves when there is room for more; fails as an earlier piece failed. */
  async append(chunk: Uint8Array): Promise<void> {
    for (let taken = 0; taken < chunk.length;) {
      this.#piece ??= this.#buffers.take(this.#size - this.#written);
      const part = chunk.subarray(taken, taken + this.#piece.length - this.#filled);
      this.#piece.set(part, this.#filled);
      this.#filled += part.length;
      taken += part.length;
      if (this.#filled === this.#piece.length) await this.#writePiece();
    }
  }

  /** Resolves when all bytes are handed to the operating system. */
  async flush(): Promise<void> {
    await this.#writePiece();
    await this.#underWay;
  }

  /** Waits for the piece under way, however it ends, and lets go of the memory. Nothing may be appended any more. */
  async abandon(): Promise<void> {
    await this.#underWay.catch(() => undefined);
    if (this.#piece !== undefined) this.#buffers.give(this.#piece);
    this.#piece = undefined;
    this.#filled = 0;
  }

  async #writePiece(): Promise<void> {
    await this.#underWay;
    const buffer = this.#piece;
    if (buffer === undefined) return;
    const piece = buffer.subarray(0, this.#filled);
    const position = this.#written;
    this.#piece = undefined;
    this.#filled = 0;
    this.#written += piece.length;
    this.#underWay = this.#file.write(piece, position).finally(() => this.#buffers.give(buffer));
    this.#underWay.catch(() => undefined); // whoever appends or flushes next is told
    this.#hash.update(piece);
  }
}

/** Feeds the first `length` bytes of a file to a hash. @returns how many there were */
export async function hashFile(
  file: number,
  length: number,
  hash: Hash,
  buffers: PieceBuffers,
): Promise<number> {
  const buffer = buffers.take(length);
  try {
    let position = 0;
    while (position < length) {
      const wanted = Math.min(buffer.length, length - position);
      const { bytesRead } = await readFile(file, buffer, 0, wanted, position);
      if (bytesRead === 0) break;
      hash.update(buffer.subarray(0, bytesRead));
      position += bytesRead;
    }
    return position;
  } finally {
    buffers.give(buffer);
  }
}
