/** How long nothing may be given back, while somebody waits, before one is let through beyond the bound. */
const STALL_MS = 5_000;
const SMALL_BYTES = 64 * 1024;

/**
 * Memory for bytes that are on their way to S3, shared by all writers of a store, so that however many there are, and
 * however slow the server is, they take so much and no more: who wants more waits, which holds its source back.
 *
 * A writer may hold memory while its own source makes it wait for another one's. So the bound gives way, one buffer at a
 * time, when nothing has moved for a while. Buffers of the usual size are used again.
 */
export class PartBuffers {
  readonly #bufferBytes: number;
  readonly #maxBytes: number;
  readonly #stallMs: number;
  readonly #free: Buffer[] = [];
  readonly #waiting: { bytes: number; letIn: () => void }[] = [];
  #takenBytes = 0;
  #stall: NodeJS.Timeout | undefined;

  constructor(bufferBytes: number, maxBytes: number, stallMs = STALL_MS) {
    this.#bufferBytes = bufferBytes;
    this.#maxBytes = maxBytes;
    this.#stallMs = stallMs;
  }

  /** A buffer of so many bytes or more. What is small is given at once and not counted. */
  async take(bytes: number): Promise<Buffer> {
    if (bytes <= SMALL_BYTES) return Buffer.allocUnsafeSlow(bytes);
    const counted = Math.max(bytes, this.#bufferBytes);
    if (this.#waiting.length > 0 || !this.#hasRoomFor(counted)) await this.#wait(counted);
    else this.#takenBytes += counted;
    if (bytes > this.#bufferBytes) return Buffer.allocUnsafeSlow(bytes);
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#bufferBytes);
  }

  /** Gives a buffer back, once. */
  give(buffer: Buffer): void {
    if (buffer.length <= SMALL_BYTES) return;
    this.#takenBytes -= buffer.length;
    if (buffer.length === this.#bufferBytes && (this.#free.length + 1) * this.#bufferBytes <= this.#maxBytes)
      this.#free.push(buffer);
    this.#stall?.refresh();
    for (let first = this.#waiting[0]; first !== undefined && this.#hasRoomFor(first.bytes);) {
      this.#letFirstIn();
      first = this.#waiting[0];
    }
  }

  #hasRoomFor(bytes: number): boolean {
    return this.#takenBytes === 0 || this.#takenBytes + bytes <= this.#maxBytes;
  }

  async #wait(bytes: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ bytes, letIn: resolve });
    this.#stall ??= setInterval(() => this.#letFirstIn(), this.#stallMs).unref();
    await promise;
  }

  #letFirstIn(): void {
    const first = this.#waiting.shift();
    if (first !== undefined) {
      this.#takenBytes += first.bytes;
      first.letIn();
    }
    if (this.#waiting.length > 0) return;
    clearInterval(this.#stall);
    this.#stall = undefined;
  }
}
