/** How much is written, or read, at once. */
export const PIECE_BYTES = 1024 * 1024;
/** Where a file is written past the kernel's cache, memory, place and length must be multiples of it (open(2), O_DIRECT). */
export const BLOCK_BYTES = 4096;
const POOLED_PIECES = 32;
const SMALL_BYTES = 64 * 1024;
const WASM_PAGE_BYTES = 64 * 1024;

/** As far as it is used here: TypeScript has it with all of a browser's only. */
declare const WebAssembly: {
  readonly Memory: new (pages: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
};

/** Buffers of PIECE_BYTES to be used again, as fresh memory costs more than filling it. */
export class PieceBuffers {
  readonly #free: Buffer[] = [];
  #pool: ArrayBuffer | undefined;

  /** A buffer for so many bytes, or for a piece if they are more. */
  take(bytes: number): Buffer {
    if (bytes <= SMALL_BYTES) return Buffer.allocUnsafeSlow(bytes);
    this.#pool ??= this.#fill();
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(PIECE_BYTES);
  }

  give(buffer: Buffer): void {
    if (this.isAligned(buffer)) this.#free.push(buffer);
  }

  /** Whether the buffer begins at a multiple of BLOCK_BYTES in memory. */
  isAligned({ buffer }: Buffer): boolean {
    return buffer === this.#pool;
  }

  /** WebAssembly's is the only memory that begins at a page. The kernel backs it as it is first written to. */
  #fill(): ArrayBuffer {
    const pages = (POOLED_PIECES * PIECE_BYTES) / WASM_PAGE_BYTES;
    const { buffer } = new WebAssembly.Memory({ initial: pages, maximum: pages });
    for (let piece = 0; piece < POOLED_PIECES; piece++) {
      this.#free.push(Buffer.from(buffer, piece * PIECE_BYTES, PIECE_BYTES));
    }
    return buffer;
  }
}
