import type { Digest } from '@gantry/oci';
import type { Page, PageRequest } from './catalog.ts';
import type { Timestamp } from './records.ts';

/** A blob of the store that nothing was found to reach. */
export interface CondemnedBlob {
  readonly digest: Digest;
  readonly size: number;
  /** When it was condemned. */
  readonly at: Timestamp;
  /** `going`: a collector is about to delete it, and nothing brings it back any more; once it is gone, it can be fetched anew. */
  readonly state: 'condemned' | 'going';
}

/**
 * Blobs of the store that are to go. Whoever relies on one that may be noted spares it first, and looks then whether the
 * store has it: either it was in time, or a collector was faster; each of the two is one atomic step a digest. Thousands of
 * digests at once are fine. An engine without transactions over many records may have done a part of a call when it fails;
 * repeating the call completes it.
 */
export interface Garbage {
  /** Notes blobs that nothing reaches. Those that are noted already keep their time and state. */
  condemn(blobs: readonly Pick<CondemnedBlob, 'digest' | 'size'>[], at: Timestamp): Promise<void>;
  /** Those of the digests that are noted. Thousands at once are fine. */
  getAll(digests: readonly Digest[]): Promise<Map<Digest, CondemnedBlob>>;
  /** Forgets those of the digests that are condemned. @returns those that are going: it was too late for them */
  spare(digests: readonly Digest[]): Promise<Digest[]>;
  /** Makes those of the digests going that are condemned still, since `before` or earlier. @returns those that are going now, by this call or before it */
  claim(digests: readonly Digest[], before: Timestamp): Promise<Digest[]>;
  /** Forgets those of the digests that are going: they are deleted. */
  forget(digests: readonly Digest[]): Promise<void>;
  /** By `at`, the oldest first. */
  list(query: PageRequest & { readonly state?: CondemnedBlob['state'] }): Promise<Page<CondemnedBlob>>;
  /** Whether anything is noted: a look at one record. */
  some(): Promise<boolean>;
}
