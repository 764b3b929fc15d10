import type { Problem } from '@gantry/oci';
import type { Page, PageRequest } from './catalog.ts';
import type { OutboxEvent, Timestamp } from './records.ts';

/** How one mirror stands to one serial of a tree. */
export interface Confirmation {
  readonly tree: string;
  readonly serial: number;
  /** The mirror's name in the configuration. */
  readonly mirror: string;
  /**
   * `confirmed`: it serves that serial or a newer one, and what was pulled through it was right. `late`: it has not for
   * longer than it may. `failed`: it says so, and what was pulled through it was wrong or absent.
   */
  readonly state: 'confirmed' | 'late' | 'failed';
  /** The serial that it served then; absent: none. */
  readonly served?: number;
  /** Objects of the serial that were pulled through it, by digest. */
  readonly sampled: number;
  readonly problem?: Problem;
  readonly at: Timestamp;
}

/** A mirror as it was found when it was last looked at. */
export interface MirrorState {
  /** Its name in the configuration. */
  readonly mirror: string;
  readonly tree: string;
  readonly url: string;
  /** What it serves; absent: nothing that could be read. */
  readonly serial?: number;
  /** The highest serial that was confirmed of it; absent: none was. */
  readonly confirmed?: number;
  /** Of the statement of `serial`. */
  readonly publishedAt?: Timestamp;
  readonly expiresAt?: Timestamp;
  /** Milliseconds until its pointer had come. */
  readonly latencyMs?: number;
  /** The Content-Type of manifests is right there. Absent: not looked at. */
  readonly rightTypes?: boolean;
  readonly problem?: Problem;
  readonly lookedAt: Timestamp;
  /** Since when it has had this serial, or this problem. */
  readonly since: Timestamp;
}

export interface Confirmations {
  /** Inserts or replaces by tree, serial and mirror; one that is `confirmed` stays. @returns whether it was put */
  put(confirmation: Confirmation, events?: readonly OutboxEvent[]): Promise<boolean>;
  /** Of one serial, by mirror. */
  of(tree: string, serial: number): Promise<Confirmation[]>;
  /** Newest serial first, then by mirror. */
  list(tree: string, page: PageRequest): Promise<Page<Confirmation>>;
  /** Inserts or replaces by tree and mirror. */
  putMirror(state: MirrorState): Promise<void>;
  /** Of one tree, by mirror. */
  mirrors(tree: string): Promise<MirrorState[]>;
}
