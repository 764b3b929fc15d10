import type { Catalog } from '@gantry/catalog';
import { type Digest, Fault, isForeign, type Manifest, MANIFEST_MAX_BYTES, parseManifest } from '@gantry/oci';
import type { BlobStore } from '@gantry/store';
import type { Flow } from '../../context.ts';
import { Rest } from '../rest.ts';
import { DigestTable } from './digest-table.ts';
import { KEPT_FOR, type KeptFor } from './store-collection.ts';

/** So many are looked at in about a millisecond. */
const RECORDS_AT_ONCE = 50;
const DIGESTS_AT_ONCE = 2000;
/** So many manifests without a record are named. */
const UNKNOWN_NAMED = 1000;

/** Of a manifest that is not in the store, or is damaged there. */
const ABSENT: ReadonlySet<string> = new Set(['BLOB_UNKNOWN', 'MANIFEST_INVALID', 'SIZE_INVALID']);

/** A digest's number in the table: what it is kept for from 1 on, and these. */
const KIND_BITS = 7;
const WALKED = 8;
const SEEN = 16;

/**
 * What is reached, and what for: by the records of manifests. One without a record is no longer whole, as when a scrub has
 * found damage under it: what its bytes name is reached all the same, since most of that may exist nowhere else any more.
 */
export class StoreMark {
  readonly #catalog: Catalog;
  readonly #store: BlobStore;
  readonly #reached = new DigestTable();
  readonly #unknown = new Set<Digest>();
  readonly #rest = new Rest();
  readonly #onBlobs: (blobs: number) => void;
  readonly #signal: AbortSignal | undefined;

  constructor(
    { catalog, store }: Pick<Flow, 'catalog' | 'store'>,
    onBlobs: (blobs: number) => void,
    signal?: AbortSignal,
  ) {
    this.#catalog = catalog;
    this.#store = store;
    this.#onBlobs = onBlobs;
    this.#signal = signal;
  }

  /** Manifests that are reached and have no record, the first thousand. */
  get unknown(): ReadonlySet<Digest> {
    return this.#unknown;
  }

  /** Marks manifests and all that is below them. */
  async reach(roots: readonly Digest[], what: KeptFor): Promise<void> {
    const kind = KEPT_FOR.indexOf(what) + 1;
    for (let level = roots; level.length > 0;) {
      const fresh = level.filter((digest) => this.#walk(digest, kind));
      const children: Digest[] = [];
      for (let from = 0; from < fresh.length; from += RECORDS_AT_ONCE) {
        this.#signal?.throwIfAborted();
        for (const child of await this.#reachBelow(fresh.slice(from, from + RECORDS_AT_ONCE), kind))
          children.push(child);
        await this.#rest.between();
      }
      level = children;
    }
    this.#onBlobs(this.#reached.size);
  }

  /**
   * What a digest is kept for; undefined when no record reaches it.
   * @param isThere notes that it is in the store
   */
  keptFor(digest: Digest, isThere: boolean): KeptFor | undefined {
    const value = this.#reached.get(digest);
    if (value === 0) return undefined;
    if (isThere) this.#reached.set(digest, value | SEEN);
    return KEPT_FOR[(value & KIND_BITS) - 1];
  }

  /** What is reached, and was not said to be there. */
  async *unseen(): AsyncGenerator<Digest> {
    let looked = 0;
    for (const [digest, value] of this.#reached.entries()) {
      if (++looked % DIGESTS_AT_ONCE === 0) await this.#rest.between();
      if ((value & SEEN) === 0) yield digest;
    }
  }

  /** @returns the children of some manifests, which are marked with their blobs */
  async #reachBelow(digests: readonly Digest[], kind: number): Promise<Digest[]> {
    const records = await this.#catalog.manifests.getAll(digests);
    const children: Digest[] = [];
    for (const digest of digests) {
      const record = records.get(digest);
      if (record === undefined) {
        if (this.#unknown.size < UNKNOWN_NAMED) this.#unknown.add(digest);
        const manifest = await this.#read(digest);
        for (const blob of manifest?.blobs ?? []) if (!isForeign(blob)) this.#reachBlob(blob.digest, kind);
        for (const child of manifest?.manifests ?? []) children.push(child.digest);
        continue;
      }
      for (const blob of record.blobs) if (blob.foreign !== true) this.#reachBlob(blob.digest, kind);
      children.push(...record.manifests);
    }
    return children;
  }

  #reachBlob(digest: Digest, kind: number): void {
    if (this.#reached.get(digest) === 0) this.#reached.set(digest, kind);
  }

  /** A manifest by its bytes; undefined when the store has none that can be read as one. */
  async #read(digest: Digest): Promise<Manifest | undefined> {
    try {
      return parseManifest(await this.#store.read(digest, MANIFEST_MAX_BYTES), undefined, digest);
    } catch (error) {
      if (error instanceof Fault && ABSENT.has(error.code)) return undefined;
      throw error;
    }
  }

  /** Marks a manifest. @returns whether what is below it is still to be looked at: one digest may be a blob's, too */
  #walk(digest: Digest, kind: number): boolean {
    const value = this.#reached.get(digest);
    if ((value & WALKED) !== 0) return false;
    this.#reached.set(digest, (value === 0 ? kind : value) | WALKED);
    return true;
  }
}
