import { constants, openSync } from 'node:fs';
import { closer, writeFile } from './file-calls.ts';
import { BLOCK_BYTES, type PieceBuffers } from './piece-buffers.ts';
import { errorCode } from './system-error.ts';

/** Below this, what a second descriptor costs is more than what it saves. */
const DIRECT_MIN_BYTES = 256 * 1024;

/** A file on its way into the store, written to at given places. */
export interface BlobFile {
  /** Resolves when all bytes are handed to the operating system. */
  write(bytes: Buffer, position: number): Promise<void>;
}

/**
 * Writes files past the kernel's page cache (O_DIRECT), as far as the file system can: a blob is written once and made
 * durable at once, so a copy of it in that cache costs as much time as all the rest, and pushes out what is read.
 */
export class DirectWrites {
  readonly #buffers: Pick<PieceBuffers, 'isAligned'>;
  #isSupported = constants.O_DIRECT !== undefined;

  constructor(buffers: Pick<PieceBuffers, 'isAligned'>) {
    this.#buffers = buffers;
  }

  /** Whether `open` opens a file of that size once more. */
  isFor(size: number): boolean {
    return this.#isSupported && size >= DIRECT_MIN_BYTES;
  }

  /**
   * @param file the descriptor of the file at `path`; it takes what can't be written directly
   * @param size how many bytes the file will have
   * @returns the file, and what closes its second descriptor
   */
  open(path: string, file: number, size: number): { file: BlobFile; close: () => void } {
    const direct = this.isFor(size) ? this.#open(path) : undefined;
    if (direct === undefined) {
      return {
        file: { write: (bytes, position) => writeAll(file, bytes, position) },
        close: () => undefined,
      };
    }
    const write = async (bytes: Buffer, position: number) => {
      const written = await this.#writeBlocks(direct, bytes, position);
      await writeAll(file, bytes.subarray(written), position + written);
    };
    return { file: { write }, close: closer(direct) };
  }

  #open(path: string): number | undefined {
    try {
      return openSync(path, constants.O_WRONLY | constants.O_DIRECT);
    } catch (error) {
      return this.#unlessUnsupported(error);
    }
  }

  /** Writes as many whole blocks as there are, where all is aligned. @returns how many bytes */
  async #writeBlocks(direct: number, bytes: Buffer, position: number): Promise<number> {
    const length = bytes.length - (bytes.length % BLOCK_BYTES);
    if (!this.#isSupported || position % BLOCK_BYTES !== 0 || !this.#buffers.isAligned(bytes)) return 0;
    try {
      await writeAll(direct, bytes.subarray(0, length), position);
      return length;
    } catch (error) {
      return this.#unlessUnsupported(error) ?? 0;
    }
  }

  /** Some file systems say so when the file is opened, others when it is written to. */
  #unlessUnsupported(error: unknown): undefined {
    if (errorCode(error) !== 'EINVAL' && errorCode(error) !== 'EOPNOTSUPP') throw error;
    this.#isSupported = false;
    return undefined;
  }
}

async function writeAll(file: number, bytes: Buffer, position: number): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    const length = bytes.length - written;
    const { bytesWritten } = await writeFile(file, bytes, written, length, position + written);
    written += bytesWritten;
  }
}
