import type { Digest, Problem } from '@gantry/oci';
import type { Page, PageRequest } from './catalog.ts';
import type { CompanionTag, Timestamp } from './records.ts';

/** What a promotion would do, as it was compared with what was in the channel then. Immutable. */
export interface Plan {
  readonly id: string;
  /** The digest of all that the plan says would be done. */
  readonly etag: string;
  /** The channel. */
  readonly to: string;
  readonly atomic: boolean;
  readonly items: readonly PlannedItem[];
  readonly totals: PlanTotals;
  readonly requestedBy: string;
  readonly createdAt: Timestamp;
  /** It can not be applied any more from then on. */
  readonly expiresAt: Timestamp;
}

export interface PlannedItem {
  readonly repository: string;
  /** As it was asked for. */
  readonly reference: string;
  /** null: it is refused. */
  readonly digest: Digest | null;
  readonly companions: readonly CompanionTag[];
  readonly referrers: readonly Digest[];
  readonly tags: readonly PlannedTag[];
  /** Why the item as a whole is refused. */
  readonly problem?: Problem;
}

export interface PlannedTag {
  readonly tag: string;
  readonly action: 'add' | 'move' | 'noop' | 'refuse';
  /** What the tag means now. Absent: there is none. */
  readonly from?: Digest;
  /** Why it is refused. */
  readonly problem?: Problem;
}

/** Tags by what would befall them; and what would come into the tree that is not there yet. */
export interface PlanTotals {
  readonly adds: number;
  readonly moves: number;
  readonly noops: number;
  readonly refusals: number;
  readonly objects: number;
  readonly bytes: number;
}

export interface Plans {
  /** @throws Fault CONFLICT when the id is another plan's */
  create(plan: Plan): Promise<void>;
  get(id: string): Promise<Plan | undefined>;
  /** Those that expire after a time, by id. */
  list(query: PageRequest & { readonly after: Timestamp }): Promise<Page<Plan>>;
  /** Deletes those that expired before a time. */
  forget(before: Timestamp): Promise<void>;
}
