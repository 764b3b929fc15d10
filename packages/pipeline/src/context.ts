import type { Catalog } from '@gantry/catalog';
import type { BlobStore } from '@gantry/store';
import type { Gate } from './gate/gate.ts';

/** What the steps say of themselves: one line an event, its fields first. A pino logger is one. */
export interface Log {
  debug(fields: object, event: string): void;
  info(fields: object, event: string): void;
  warn(fields: object, event: string): void;
  error(fields: object, event: string): void;
}

/** What every step works on. */
export interface Flow {
  readonly catalog: Catalog;
  readonly store: BlobStore;
  readonly log: Log;
  /** The time, in one place so that tests can set it. */
  readonly now: () => Date;
  /** Who holds leases, for people to read: host and process. */
  readonly holder: string;
}

/** A named set of repository tags. */
export interface Channel {
  readonly name: string;
  /** Goes before the published name in the tree; `` or ends as the operator wrote it (`testing/`). */
  readonly prefix: string;
  /** The channel that references are looked up in; candidates where it is absent. */
  readonly from?: string;
  /** Whether the channel stands in a tree. */
  readonly publish: boolean;
  /** The name of its tree; absent: the main one. */
  readonly tree?: string;
  /** What must hold before a promotion to it, in this order; absent: nothing. */
  readonly gates?: readonly Gate[];
  /** Absent: any tag may be set by whoever may promote. */
  readonly tags?: TagRules;
}

/** Which tags of a channel may be set, and by whom. Tags are named by patterns: names, globs, or RE2 between slashes. */
export interface TagRules {
  /** What all of its tags must match one of; absent: any. */
  readonly names?: readonly string[];
  /** Tags that never get another digest. */
  readonly immutable: readonly string[];
  /** Tags that only some may set: those named, or in one of the groups. */
  readonly movers: readonly {
    readonly tags: readonly string[];
    readonly by: readonly string[];
    readonly groups: readonly string[];
  }[];
}
