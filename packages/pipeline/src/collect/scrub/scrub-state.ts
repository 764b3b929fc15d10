import type { Digest } from '@gantry/oci';

/** Manifests that are not whole without a damaged blob, at one place of a source. */
export interface RepairItem {
  readonly source: string;
  readonly sourceRepository: string;
  readonly digests: readonly Digest[];
}

/** A blob whose bytes were not those of its digest. */
export interface DamagedBlob {
  readonly digest: Digest;
  readonly size: number;
  /**
   * `found`; `fetching`: it is moved aside, and syncs are to bring it again; `repaired`: it is back, and in the trees that
   * have it; `lost`: no source has given it again.
   */
  readonly state: 'found' | 'fetching' | 'repaired' | 'lost';
  /** Where its bytes lie now. */
  readonly aside?: string;
  /** What is fetched again for it. */
  readonly items: readonly RepairItem[];
  /** The tasks that do so, or did. */
  readonly syncs: readonly string[];
  /** How often syncs were asked for. */
  readonly rounds: number;
  /** When they are asked for again: they have not brought it. Absent while they run. */
  readonly againAt?: string;
}

/** How far a scrub has come, as its task's result has it: whoever goes on with it begins here. */
export interface ScrubState {
  /** The last blob that was looked at; null: none yet. */
  readonly position: Digest | null;
  /** Whether all were. */
  readonly isThrough: boolean;
  /** How many were, and their bytes. */
  readonly blobs: number;
  readonly bytes: number;
  readonly damaged: readonly DamagedBlob[];
  /** How many files of trees were put anew, as they were damaged or missing and the store had them whole; absent: none. */
  readonly mended?: number;
}

export const SCRUB_BEGIN: ScrubState = { position: null, isThrough: false, blobs: 0, bytes: 0, damaged: [] };
