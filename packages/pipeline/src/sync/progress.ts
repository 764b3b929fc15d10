import type { TaskProgress } from '@gantry/catalog';

/** How far a task has come, and how much it knows of by now. Counters only; whoever shows them reads them when it likes. */
export class Progress {
  #bytes = 0;
  #blobs = 0;
  #tags = 0;
  #expectedBytes = 0;
  #expectedBlobs = 0;
  #expectedTags = 0;

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

  /** A blob is about to be downloaded, of which so many bytes are missing. */
  expectBlob(bytes: number): void {
    this.#expectedBlobs++;
    this.#expectedBytes += bytes;
  }

  /** So many tags more will be looked at. */
  expectTags(count: number): void {
    this.#expectedTags += count;
  }

  /** So much has been looked at by now, of work that counts by itself. */
  isAt({ blobs, bytes }: Pick<TaskProgress, 'blobs' | 'bytes'>): void {
    this.#blobs = blobs;
    this.#bytes = bytes;
  }

  /** So much will be looked at. */
  expect({ blobs, bytes }: Pick<TaskProgress, 'blobs' | 'bytes'>): void {
    this.#expectedBlobs = blobs;
    this.#expectedBytes = bytes;
  }

  read(): TaskProgress {
    return {
      bytes: this.#bytes,
      blobs: this.#blobs,
      tags: this.#tags,
      expected: { bytes: this.#expectedBytes, blobs: this.#expectedBlobs, tags: this.#expectedTags },
    };
  }
}
