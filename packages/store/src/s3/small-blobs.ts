import type { Digest } from '@gantry/oci';

const BLOB_MAX_BYTES = 64 * 1024;
const ALL_MAX_BYTES = 4 * 1024 * 1024;
/** So long at most a blob is still read that another process has deleted. */
const KEPT_MS = 30_000;

/**
 * Manifests and configs that were written or read a moment ago: a sync reads back what it has just written, and each read
 * that is spared is a trip to the server. Bytes of a digest are always right, however old.
 */
export class SmallBlobs {
  readonly #blobs = new Map<Digest, { readonly bytes: Buffer; readonly since: number }>();
  #bytes = 0;

  /** A copy of the blob's bytes. */
  get(digest: Digest): Buffer | undefined {
    const found = this.#blobs.get(digest);
    if (found === undefined) return undefined;
    if (performance.now() - found.since < KEPT_MS) return Buffer.from(found.bytes);
    this.delete(digest);
    return undefined;
  }

  /** Keeps a copy, if the blob is small. Those that were kept longest go when there are too many. */
  set(digest: Digest, bytes: Uint8Array): void {
    if (bytes.length > BLOB_MAX_BYTES) return;
    this.delete(digest);
    this.#blobs.set(digest, { bytes: Buffer.from(bytes), since: performance.now() });
    this.#bytes += bytes.length;
    for (const oldest of this.#blobs.keys()) {
      if (this.#bytes <= ALL_MAX_BYTES) return;
      this.delete(oldest);
    }
  }

  delete(digest: Digest): void {
    this.#bytes -= this.#blobs.get(digest)?.bytes.length ?? 0;
    this.#blobs.delete(digest);
  }
}
