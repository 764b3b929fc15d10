/** How far a task has come. Counters only; whoever shows them reads them when it likes. */
export class Progress {
  #bytes = 0;
  #blobs = 0;
  #tags = 0;

  /** Bytes that came over the network. */
  bytes(count: number): void {
    this.#bytes += count;
  }

  /** A blob is whole in the store. */
  blob(): void {
    this.#blobs++;
  }

  /** A tag has been dealt with: taken, found unchanged or failed. */
  tag(): void {
    this.#tags++;
  }

  read(): { bytes: number; blobs: number; tags: number } {
    return { bytes: this.#bytes, blobs: this.#blobs, tags: this.#tags };
  }
}
