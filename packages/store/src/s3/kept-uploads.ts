import type { Digest } from '@gantry/oci';
import type { PartsKept } from './parts-sender.ts';

const KEPT_MAX = 256;
/** Well before an upload counts as abandoned, which another process may remove. */
const KEPT_MS = 6 * 3600 * 1000;

interface Kept {
  readonly size: number;
  readonly parts: PartsKept;
  readonly since: number;
}

/**
 * Uploads that were suspended, with their running hashes, for the next writers of this process. A hash's state can't be
 * taken out of the process, and S3 lets nobody read an upload's parts: so no other process can go on with one.
 */
export class KeptUploads implements AsyncDisposable {
  readonly #kept = new Map<Digest, Kept>();

  /** Takes what was left of a blob of that size. What can't be gone on with is thrown away. */
  async take(digest: Digest, size: number): Promise<PartsKept | undefined> {
    const found = this.#kept.get(digest);
    if (found === undefined) return undefined;
    this.#kept.delete(digest);
    if (found.size === size && performance.now() - found.since < KEPT_MS) return found.parts;
    await drop(found);
    return undefined;
  }

  /** Keeps an upload; the one that was kept longest goes when there are many. */
  async keep(digest: Digest, size: number, parts: PartsKept): Promise<void> {
    this.#kept.set(digest, { size, parts, since: performance.now() });
    const [oldest] = this.#kept;
    if (this.#kept.size <= KEPT_MAX || oldest === undefined) return;
    this.#kept.delete(oldest[0]);
    await drop(oldest[1]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const all = [...this.#kept.values()];
    this.#kept.clear();
    await Promise.all(all.map(drop));
  }
}

/** What the server does not let go of now is removed as abandoned later. */
async function drop({ parts }: Kept): Promise<void> {
  await parts.upload.abort().catch(() => undefined);
}
