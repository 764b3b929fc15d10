import type { Digest } from '@gantry/oci';

/**
 * A run that removes blobs which are not needed. Whoever starts a later one shuts it out, however long it was stopped and
 * whenever it wakes: what was written anew since is not for it to remove.
 */
export interface BlobRemoval extends AsyncDisposable {
  /** Removes a blob, and what lies there unfinished of it where the engine can read that; no error if it is absent. @throws Fault LEASE_LOST */
  remove(digest: Digest): Promise<void>;
  /**
   * Moves a blob aside whose bytes are not those of its digest: from then on the store has no such blob. Its bytes are
   * looked at once more first, as somebody may have put it right.
   * @returns where it lies now; undefined when it is absent, or whole after all
   * @throws Fault LEASE_LOST
   */
  quarantine(digest: Digest): Promise<string | undefined>;
}
