/** How long nothing may be given back, while somebody waits, before one is let through beyond the bound. */
const STALL_MS = 5_000;
const SMALL_BYTES = 64 * 1024;
const MIDDLE_BYTES = 1024 * 1024;

/**
 * Memory for bytes that are on their way to S3, shared by all writers of a store, so that however many there are, and
 * however slow the server is, they take so much and no more: who wants more waits, which holds its source back.
 *
 * A writer may hold memory while its own source makes it wait for another one's. So the bound gives way, one buffer at a
 * time, when nothing has moved for a while. Buffers of the two usual sizes are used again.
 */
export class PartBuffers {
  readonly #sizes: readonly number[];
  readonly #maxBytes: number;
  readonly #stallMs: number;
  readonly #free = new Map<number, Buffer[]>();
  readonly #waiting: { bytes: number; letIn: () => void }[] = [];
  #takenBytes = 0;
  #freeBytes = 0;
  #stall: NodeJS.Timeout | undefined;

  /** @param partBytes the size of most parts */
  constructor(partBytes: number, maxBytes: number, stallMs = STALL_MS) {
    this.#sizes = [MIDDLE_BYTES, partBytes];
    this.#maxBytes = maxBytes;
    this.#stallMs = stallMs;
  }

  /** A buffer of so many bytes or more. What is small is given at once and not counted. */
  async take(bytes: number): Promise<Buffer> {
    if (bytes <= SMALL_BYTES) return Buffer.allocUnsafeSlow(bytes);
    const size = this.#sizes.find((usual) => usual >= bytes) ?? bytes;
    if (this.#waiting.length > 0 || !this.#hasRoomFor(size)) await this.#wait(size);
    else this.#takenBytes += size;
    const used = this.#free.get(size)?.pop();
    if (used !== undefined) this.#freeBytes -= size;
    else if (this.#takenBytes + this.#freeBytes > this.#maxBytes) this.#forgetFree();
    return used ?? Buffer.allocUnsafeSlow(size);
  }

  /** Gives a buffer back, once. */
  give(buffer: Buffer): void {
    const size = buffer.length;
    if (size <= SMALL_BYTES) return;
    this.#takenBytes -= size;
    if (this.#sizes.includes(size) && this.#takenBytes + this.#freeBytes + size <= this.#maxBytes) {
      const free = this.#free.get(size) ?? [];
      free.push(buffer);
      this.#free.set(size, free);
      this.#freeBytes += size;
    }
    this.#stall?.refresh();
    for (
      let [first] = this.#waiting;
      first !== undefined && this.#hasRoomFor(first.bytes);
      [first] = this.#waiting
    )
      this.#letFirstIn();
  }

  /** One that is larger than the bound is let in alone. */
  #hasRoomFor(bytes: number): boolean {
    return this.#takenBytes === 0 || this.#takenBytes + bytes <= this.#maxBytes;
  }

  #forgetFree(): void {
    this.#free.clear();
    this.#freeBytes = 0;
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
