import type { Digest, ManifestKind, Problem } from '@gantry/oci';

/** A time as RFC 3339 in UTC with milliseconds, as `Date.toISOString` gives it: it sorts as text. */
export type Timestamp = string;

/**
 * A manifest whose bytes, and those of all it refers to, are in the store. Immutable. Written only after everything
 * below it is durable, so its presence is the proof.
 */
export interface ManifestRecord {
  readonly digest: Digest;
  readonly kind: ManifestKind;
  readonly size: number;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly subject?: Digest;
  /** Children that are here, with all below them. */
  readonly manifests: readonly Digest[];
  /** Children that were left out on purpose: of platforms that are not wanted. Absent: none. */
  readonly absent?: readonly Digest[];
  readonly blobs: readonly BlobReference[];
}

export interface BlobReference {
  readonly digest: Digest;
  readonly size: number;
  /** A non-distributable layer: recorded, not fetched. */
  readonly foreign?: true;
}

/** A tag that belongs to a manifest by its name: `sha256-<hex>` and cosign's `sha256-<hex>.sig`. */
export interface CompanionTag {
  readonly tag: string;
  readonly digest: Digest;
}

/** What goes wherever a manifest goes: all that refers to it or to what it contains, and the tags named after those. */
export interface Companions {
  readonly companions: readonly CompanionTag[];
  /** Manifests that have a subject in the graph, theirs too. Sorted. */
  readonly referrers: readonly Digest[];
}

/** A tag of a source at one digest, synced. A tag that moved leaves its former candidates behind. */
export interface Candidate extends Companions {
  readonly source: string;
  readonly sourceRepository: string;
  /** The published name: after `rename`, before a channel's prefix. */
  readonly repository: string;
  readonly tag: string;
  readonly digest: Digest;
  readonly mediaType: string;
  /** Sorted `os/architecture[/variant]`. */
  readonly platforms: readonly string[];
  /** Bytes of all distinct blobs and manifests of the graph, companions left out. */
  readonly size: number;
  /** Of the (first) image's config. */
  readonly labels: Readonly<Record<string, string>>;
  /** When the image was made, as it says itself. */
  readonly created?: Timestamp;
  /** When this tag was last seen to move to this digest. */
  readonly syncedAt: Timestamp;
  /** When the source told that it has the tag no more; absent: not told. */
  readonly goneAt?: Timestamp;
  /** When its content was given up, as the source's `keep` says. It is not fetched again, and can not be promoted; absent: it was not. */
  readonly collectedAt?: Timestamp;
}

/** What a failure is of: one tag of a source, or, without `tag`, a repository as a whole. */
export interface FailureKey {
  readonly source: string;
  readonly sourceRepository: string;
  readonly tag?: string;
}

/** Something that could not be synced, and has not been since. */
export interface Failure extends FailureKey {
  /** The published name. */
  readonly repository: string;
  /** Of the last attempt. */
  readonly problem: Problem;
  /** How often it was tried in vain, in a row. */
  readonly attempts: number;
  readonly firstAt: Timestamp;
  readonly lastAt: Timestamp;
  /** When it is tried again by itself; null: with the next sync of the source. */
  readonly retryAt: Timestamp | null;
}

/** A tag in a channel: what the publisher puts into the tree. */
export interface ChannelTag extends Companions {
  readonly channel: string;
  readonly repository: string;
  readonly tag: string;
  readonly digest: Digest;
  /** The promotion that put it there. */
  readonly promotion: string;
  readonly promotedAt: Timestamp;
  /** Since when it has had this digest, however often that was promoted again; absent: `promotedAt`. */
  readonly since?: Timestamp;
}

export const PROMOTION_STATES = [
  'queued',
  'gating',
  'promoting',
  'publishing',
  'done',
  'partial',
  'failed',
  'refused',
  'cancelled',
] as const;
export type PromotionState = (typeof PROMOTION_STATES)[number];
/** States that are not left any more. */
export const PROMOTION_ENDED: readonly PromotionState[] = [
  'done',
  'partial',
  'failed',
  'refused',
  'cancelled',
];

/** One thing to promote (`tags` get `digest`) or, with no digest, to take back (`tags` are removed). */
export interface PromotionItem extends Companions {
  readonly channel: string;
  readonly repository: string;
  /** As it was asked for: a tag or a digest. */
  readonly reference: string;
  /** What the reference meant when the promotion was accepted; null for tags to be removed, or when it was refused then. */
  readonly digest: Digest | null;
  readonly tags: readonly string[];
  /** What each tag must mean when it is changed (null: nothing), as the plan said; absent: whatever it means. */
  readonly bases?: Readonly<Record<string, Digest | null>>;
  readonly state: 'accepted' | 'refused' | 'done' | 'failed';
  readonly problem?: Problem;
}

export const GATE_KINDS = [
  'results',
  'approvals',
  'match',
  'age',
  'signature',
  'referrers',
  'vulnerabilities',
  'http',
] as const;
export type GateKind = (typeof GATE_KINDS)[number];

/** One thing that a gate asks for, and how it stands. */
export interface Requirement {
  /** Unique in its gate: a test case, `approvals`, a label, a vulnerability's id. */
  readonly name: string;
  readonly satisfied: boolean;
  /** What became of it, in Greenwave's manner: `test-result-passed`, `test-result-missing`, `approval-missing`, `not-evaluated`. */
  readonly type: string;
  /** A sentence: what was found or is missing, and where to look. */
  readonly detail: string;
  /** Unsatisfied, but what is missing may still come. */
  readonly pending?: true;
  /** What the verdict rests on: ids, digests, times. Never a credential. */
  readonly evidence?: Readonly<Record<string, string | number | boolean>>;
  /** The id of the waiver that makes up for it; it counts as satisfied then, though `satisfied` is false. */
  readonly waiver?: string;
}

/** What a gate says of one image. */
export interface Verdict {
  /** The gate's name. */
  readonly gate: string;
  readonly kind: GateKind;
  readonly repository: string;
  readonly digest: Digest;
  /** `waived`: passed by waivers alone. `waiting`: all that is missing may still come. */
  readonly state: 'passed' | 'waived' | 'waiting' | 'refused';
  readonly requirements: readonly Requirement[];
  readonly at: Timestamp;
}

/** Somebody's yes to a promotion. */
export interface Approval {
  readonly by: string;
  /** The groups that they were in then. */
  readonly groups: readonly string[];
  readonly at: Timestamp;
  readonly comment?: string;
}

/**
 * A decision to change channels, and how far it has come. Also a rollback, which is a promotion of what was there before;
 * a retraction, which only takes tags out; and what a purge does to the channels.
 */
export interface Promotion {
  readonly id: string;
  /** The order of acceptance; given by the catalog. */
  readonly sequence: number;
  readonly revision: number;
  readonly kind: 'promote' | 'rollback' | 'retract' | 'purge';
  /** The channel; for a rollback or purge of all channels `*`. */
  readonly to: string;
  /** The tree that its channels are of, which `serial` counts in; absent: the main one. */
  readonly tree?: string;
  readonly state: PromotionState;
  readonly atomic: boolean;
  readonly items: readonly PromotionItem[];
  /** The plan that it applies. */
  readonly plan?: string;
  /** What the gates said when they were asked last; absent: none were. */
  readonly gates?: readonly Verdict[];
  readonly approvals?: readonly Approval[];
  readonly reason?: string;
  /** The name of the token, or what sent the message. */
  readonly requestedBy: string;
  /** The caller's key, made unique by who it is, and the digest of the body that came with it. */
  readonly idempotency?: { readonly key: string; readonly body: Digest };
  readonly serial?: number;
  readonly error?: Problem;
  readonly timeline: readonly {
    readonly at: Timestamp;
    readonly state: PromotionState;
    readonly note?: string;
  }[];
  readonly createdAt: Timestamp;
  readonly startedAt?: Timestamp;
  readonly endedAt?: Timestamp;
}

/** A serial of a tree. `preparing` until the tree's pointer has been seen at it; then it is history. */
export interface Publication {
  readonly tree: string;
  readonly serial: number;
  readonly state: 'preparing' | 'published';
  readonly root: Digest;
  /** Promotions whose items appeared in this serial. */
  readonly promotions: readonly string[];
  /** What came into the pool. */
  readonly added: { readonly objects: number; readonly bytes: number };
  readonly publishedAt: Timestamp;
}

/** An object in the pool of the tree's current serial. */
export interface PoolObject {
  readonly path: string;
  readonly size: number;
  /** Hex SHA-256 of the bytes. */
  readonly sha256: string;
  /** The first serial of the object's unbroken run in the pools up to now. */
  readonly since: number;
  /** Since when nothing retained is known to reach it; absent: something does. */
  readonly condemned?: Timestamp;
}

export const TASK_STATES = ['queued', 'running', 'done', 'partial', 'failed', 'cancelled'] as const;
export type TaskState = (typeof TASK_STATES)[number];
export const TASK_ENDED: readonly TaskState[] = ['done', 'partial', 'failed', 'cancelled'];

export interface TaskProgress {
  readonly bytes: number;
  readonly blobs: number;
  readonly tags: number;
  /** How much of each is known to be needed so far; it grows while a sync finds out more. */
  readonly expected?: { readonly bytes: number; readonly blobs: number; readonly tags: number };
}

/** A piece of longer work: a sync, a publication asked for. */
export interface Task {
  readonly id: string;
  readonly revision: number;
  readonly kind: 'sync' | 'publish' | 'purge' | 'gc' | 'scrub';
  /** What was asked: for a sync `source`, and maybe `repositories` or `items`. */
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly state: TaskState;
  readonly progress: TaskProgress;
  /** What failed, item by item: `REPO:TAG`, a repository, or the source's name. */
  readonly errors: readonly TaskError[];
  /** What came of it, for instance the serial. */
  readonly result?: Readonly<Record<string, unknown>>;
  readonly createdAt: Timestamp;
  readonly startedAt?: Timestamp;
  readonly endedAt?: Timestamp;
}

export interface TaskError {
  readonly item: string;
  readonly problem: Problem;
  /** When it is tried again by itself; null or absent: it is not. */
  readonly retryAt?: Timestamp | null;
}

/** The right to do what only one may do at a time. Whoever has a higher `fence` has taken over. */
export interface Lease {
  readonly name: string;
  readonly holder: string;
  readonly fence: number;
  /** By the catalog's clock. */
  readonly expiresAt: Timestamp;
}

/** A process that works on the catalog. */
export interface Worker {
  /** Its own for each start of a process. */
  readonly id: string;
  /** `sync`, `promote`, … or `all`. */
  readonly service: string;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly startedAt: Timestamp;
  /** By the catalog's clock, as `expiresAt`. */
  readonly seenAt: Timestamp;
  readonly expiresAt: Timestamp;
}

/** An event that follows from a change of a record, until it is sent. */
export interface OutboxEvent {
  /** The same however often it is sent: made of the record's key and what befell it, for instance `promotion/<id>/done`. */
  readonly id: string;
  /** The CloudEvents type and the routing key, for instance `promotion.done`. */
  readonly type: string;
  /** What it is about: the promotion's id, `REPO:TAG`, the tree and serial. */
  readonly subject: string;
  readonly time: Timestamp;
  readonly data: Readonly<Record<string, unknown>>;
  /** The record that holds it: the name of its noun in the catalog, and its key, as record-keys.ts makes it. */
  readonly record: {
    readonly noun: 'candidates' | 'promotions' | 'publications' | 'tasks' | 'confirmations';
    readonly key: string;
  };
}
