import type { Digest } from '@gantry/oci';
import type { Audit, Modes, Purges, Tokens } from './access.ts';
import type { Confirmations } from './confirmations.ts';
import type { Reports, Results, Waivers } from './evidence.ts';
import type { Garbage } from './garbage.ts';
import type { Plans } from './plans.ts';
import type {
  Candidate,
  ChannelTag,
  Failure,
  FailureKey,
  Lease,
  ManifestRecord,
  OutboxEvent,
  PoolObject,
  Promotion,
  PromotionState,
  Publication,
  Task,
  TaskState,
  Timestamp,
  Worker,
} from './records.ts';
import type { Retractions } from './retractions.ts';

/**
 * What is known. Each call is one atomic, durable write, or one read by an index; there are no transactions over
 * several calls. A record with a `revision` is replaced only by who has read that revision. Many may use one catalog at
 * once, in one process and in several. A read sees every write that was acknowledged before.
 *
 * A write that takes `events` stores them with its record in the same atomic write, behind those of it that still wait;
 * a write that has no effect (a revision that is gone, a key that is there already) stores none. Records are read
 * without them: they are the outbox's.
 *
 * Every call may throw Fault UNAVAILABLE, and every write STORAGE_FULL; then nothing of it was acknowledged, and it may
 * be made again. Disposing of a catalog ends the writes under way.
 */
export interface Catalog extends AsyncDisposable {
  readonly manifests: Manifests;
  readonly candidates: Candidates;
  readonly failures: Failures;
  readonly channels: Channels;
  readonly plans: Plans;
  readonly promotions: Promotions;
  readonly retractions: Retractions;
  readonly results: Results;
  readonly reports: Reports;
  readonly waivers: Waivers;
  readonly publications: Publications;
  readonly confirmations: Confirmations;
  readonly pool: Pool;
  readonly garbage: Garbage;
  readonly tasks: Tasks;
  readonly leases: Leases;
  readonly workers: Workers;
  readonly tokens: Tokens;
  readonly audit: Audit;
  readonly modes: Modes;
  readonly purges: Purges;
  readonly outbox: Outbox;
  /**
   * Tells of the events that writes made through this very object have stored, as soon as they are durable, so that
   * they can be sent at once. An engine has none: `openCatalog` adds it.
   */
  onEvents?(listener: (events: readonly OutboxEvent[]) => void): Disposable;
}

/**
 * A page of a list. Hand `next` back as `cursor` for the next one; null: there is none. What is inserted or removed
 * between two pages shifts nothing: no item comes twice, and none that stayed is left out.
 */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

export interface PageRequest {
  /** How many items at the most, from 1 on. @throws Fault REQUEST_INVALID */
  readonly limit: number;
  /** From a former page. @throws Fault REQUEST_INVALID for one that no page gave */
  readonly cursor?: string;
}

export interface Manifests {
  /** No effect when it is there already. */
  put(record: ManifestRecord): Promise<void>;
  /** Puts a record in the place of one of the same digest that left more out. */
  replace(record: ManifestRecord): Promise<void>;
  get(digest: Digest): Promise<ManifestRecord | undefined>;
  /** Thousands at once are fine; unknown digests are absent from the map. */
  getAll(digests: readonly Digest[]): Promise<Map<Digest, ManifestRecord>>;
  /**
   * The manifests that name a digest themselves: as a child that is here, a blob (also the config) or their subject; by
   * digest.
   */
  naming(digest: Digest, page: PageRequest): Promise<Page<NamingManifest>>;
  /**
   * Takes records away: what is under them is no longer whole. No error for those that are absent. An engine without
   * transactions over many records may have done a part when it fails; repeating the call completes it.
   * @param lease under which the caller works: nothing is removed once another has taken it over. An engine without
   * transactions looks right before it removes
   * @throws Fault LEASE_LOST
   */
  remove(digests: readonly Digest[], lease?: Pick<Lease, 'name' | 'fence'>): Promise<void>;
}

/** A manifest that names a digest, and as what. */
export interface NamingManifest {
  readonly digest: Digest;
  readonly as: 'manifest' | 'blob' | 'subject';
}

export interface CandidateQuery extends PageRequest {
  readonly repository?: string;
  readonly tag?: string;
  readonly digest?: Digest;
  /** With `syncedAt` at that time or later. */
  readonly since?: Timestamp;
}

export interface Candidates {
  /**
   * Inserts, or replaces the candidate of the same source, repository, tag and digest. It is its tag's newest then,
   * whatever its `syncedAt`.
   * @param turn of `turn`: it counts as put at that time. One of its tag that was put since stays the tag's newest; whether
   * this one is then kept as an older one, and its events with it, is the engine's.
   */
  put(candidate: Candidate, events?: readonly OutboxEvent[], turn?: number): Promise<void>;
  /**
   * The place of one candidate among all that are put, for one who will put it later. Who takes it, asks what the tag
   * means, and then puts that, can not undo what another found out since, however long it was stopped in between.
   */
  turn(): Promise<number>;
  /** The newest candidate of a tag. */
  current(repository: string, tag: string): Promise<Candidate | undefined>;
  /** The newest candidate of a digest in a repository. */
  byDigest(repository: string, digest: Digest): Promise<Candidate | undefined>;
  /**
   * The newest candidate of each tag of one repository of a source, by tag. One that is gone is left out: a sync that
   * finds the tag again puts it anew.
   */
  currentOf(source: string, sourceRepository: string): Promise<Map<string, Candidate>>;
  /**
   * Notes that the source has a tag no more, on the newest candidate of the tag; it can be promoted as before. One that
   * is gone already stays as it is. A later `put` of the tag gives it a newest candidate that is not gone.
   * @returns whether there is a candidate of the tag
   */
  markGone(source: string, sourceRepository: string, tag: string, at: Timestamp): Promise<boolean>;
  /** The source that a published name comes from, if any candidate has it. */
  sourceOf(repository: string): Promise<{ source: string; sourceRepository: string } | undefined>;
  /** Newest first, by `syncedAt`. */
  list(query: CandidateQuery): Promise<Page<Candidate>>;
  /** Those that have a digest as theirs, or among their companions or referrers; in a stable order. */
  holding(digest: Digest, page: PageRequest): Promise<Page<Candidate>>;
  /**
   * Notes that the content of candidates is given up. They stay known: `currentOf`, `current`, `byDigest` (where none of that
   * digest is left that was not) and `holding` have them, `list` leaves them out. A `put` of the same makes a candidate whole
   * again. No error for those that are absent, collected already, or synced at another time than is said: these have come
   * anew since. An engine without transactions over many records may
   * have done a part when it fails; repeating the call completes it.
   */
  collect(
    candidates: readonly Pick<Candidate, 'source' | 'repository' | 'tag' | 'digest' | 'syncedAt'>[],
    at: Timestamp,
  ): Promise<void>;
  /**
   * Takes candidates away; the one of a tag that was put before is its newest then. No error for those that are absent.
   * Their events that still wait may go with them. An engine without transactions over many records may have done a part
   * when it fails; repeating the call completes it.
   */
  remove(candidates: readonly Pick<Candidate, 'source' | 'repository' | 'tag' | 'digest'>[]): Promise<void>;
}

export interface FailureQuery extends PageRequest {
  readonly source?: string;
}

export interface Failures {
  /**
   * Inserts each, or replaces the one of the same source, repository and tag. An engine without transactions over many
   * records may have done a part when it fails; repeating the call completes it. So has `remove`.
   */
  put(failures: readonly Failure[]): Promise<void>;
  /** Those of the keys that are there, in no order. Thousands at once are fine. */
  getAll(keys: readonly FailureKey[]): Promise<Failure[]>;
  /** Takes away those of the keys that are there. */
  remove(keys: readonly FailureKey[]): Promise<void>;
  /** Of one source, those that are to be tried again at that time or before; the first that is due comes first. */
  due(source: string, at: Timestamp, limit: number): Promise<Failure[]>;
  /** By source, repository at the source and tag; a repository as a whole before its tags. */
  list(query: FailureQuery): Promise<Page<Failure>>;
}

export interface Channels {
  /**
   * Removes tags and sets tags (one that is in both is set) of one repository in one channel: one atomic write.
   * @param lease under which the caller works. Once the repository was written under a higher fence of that lease,
   * nothing is written: a publisher that was stopped for long must not undo what its successor did. An engine may
   * refuse as soon as the lease was taken over.
   * @throws Fault LEASE_LOST
   */
  apply(
    channel: string,
    repository: string,
    set: readonly ChannelTag[],
    remove: readonly string[],
    lease?: Pick<Lease, 'name' | 'fence'>,
  ): Promise<void>;
  /** All tags of a repository in a channel, by name. */
  tagsOf(channel: string, repository: string): Promise<ChannelTag[]>;
  tag(channel: string, repository: string, tag: string): Promise<ChannelTag | undefined>;
  /** The newest entry of that digest in the repository, under whichever tag. */
  byDigest(channel: string, repository: string, digest: Digest): Promise<ChannelTag | undefined>;
  /** Names of all channels that have a tag, whether they are configured or not, sorted. */
  names(): Promise<string[]>;
  /** Names of repositories that have a tag in the channel, sorted. */
  repositories(channel: string, page: PageRequest): Promise<Page<string>>;
  /** Sorted by name. */
  listTags(channel: string, repository: string, page: PageRequest): Promise<Page<ChannelTag>>;
  /** The tags of any channel that have a digest as theirs, or among their companions or referrers; in a stable order. */
  holding(digest: Digest, page: PageRequest): Promise<Page<ChannelTag>>;
}

export interface PromotionQuery extends PageRequest {
  readonly state?: PromotionState;
  readonly to?: string;
  /** With `createdAt` at that time or later. */
  readonly since?: Timestamp;
}

export interface Promotions {
  /**
   * Stores a new promotion and gives it its sequence, higher than any before, and revision 1. If one with the same
   * idempotency key exists, that one is returned and nothing is stored.
   * @throws Fault CONFLICT when the id is another promotion's
   */
  create(
    promotion: Omit<Promotion, 'sequence' | 'revision'>,
    events?: readonly OutboxEvent[],
  ): Promise<{ promotion: Promotion; created: boolean }>;
  get(id: string): Promise<Promotion | undefined>;
  /** Replaces it if its revision is still that of `promotion`; undefined if another was faster. */
  replace(promotion: Promotion, events?: readonly OutboxEvent[]): Promise<Promotion | undefined>;
  byIdempotencyKey(key: string): Promise<Promotion | undefined>;
  /** All in one of the states, in the order of acceptance. */
  inStates(states: readonly PromotionState[]): Promise<Promotion[]>;
  /** Newest first, by `createdAt`. */
  list(query: PromotionQuery): Promise<Page<Promotion>>;
  /** Frees the idempotency keys of promotions that were created before a time; the promotions stay, and so do their revisions. */
  forgetKeys(before: Timestamp): Promise<void>;
}

export interface Publications {
  /** Inserts or replaces by tree and serial. No effect for a `preparing` one where a `published` one is. */
  put(publication: Publication, events?: readonly OutboxEvent[]): Promise<void>;
  get(tree: string, serial: number): Promise<Publication | undefined>;
  latest(tree: string): Promise<Publication | undefined>;
  /** Newest first. */
  list(tree: string, page: PageRequest): Promise<Page<Publication>>;
}

export interface Pool {
  /** The objects of those paths that are in the pool, by path. Thousands at once are fine. */
  getAll(tree: string, paths: readonly string[]): Promise<Map<string, PoolObject>>;
  /**
   * Applies a publication's list, which names a path once. A serial that was applied, or is below one that was, changes
   * nothing. An engine without transactions over many records may leave a part applied when it crashes: `serial` moves
   * last, and repeating the call completes it.
   * @param add millions at once are fine; it may be gone through more than once
   */
  apply(tree: string, serial: number, add: Iterable<PoolObject>, remove: readonly string[]): Promise<void>;
  /**
   * Notes of objects that nothing retained reaches them, until they are spared, applied anew or taken away. Those that are
   * condemned keep their time; paths that are not in the pool are passed over. An engine without transactions over many
   * records may have done a part when it fails; repeating the call completes it. So has `spare`.
   */
  condemn(tree: string, paths: readonly string[], at: Timestamp): Promise<void>;
  /** Takes that back: something reaches them again. */
  spare(tree: string, paths: readonly string[]): Promise<void>;
  /** Those that were condemned at that time or before, the oldest first, at the most `limit`. */
  condemned(tree: string, before: Timestamp, limit: number): Promise<PoolObject[]>;
  /** The last serial that was applied; 0 for none. */
  serial(tree: string): Promise<number>;
  /** The whole pool, sorted by path (by UTF-8 bytes). Read in parts: stable while whoever lists holds the publisher's lease. */
  list(tree: string): AsyncIterable<PoolObject>;
}

export interface TaskQuery extends PageRequest {
  readonly state?: TaskState;
  readonly kind?: Task['kind'];
}

export interface Tasks {
  /** Stores a new task, at revision 1. @throws Fault CONFLICT when the id is another task's */
  create(task: Omit<Task, 'revision'>): Promise<Task>;
  get(id: string): Promise<Task | undefined>;
  /** Replaces it if its revision is still that of `task`; undefined if another was faster. */
  replace(task: Task, events?: readonly OutboxEvent[]): Promise<Task | undefined>;
  /** All in one of the states, oldest first. */
  inStates(states: readonly TaskState[]): Promise<Task[]>;
  /** Newest first, by `createdAt`. */
  list(query: TaskQuery): Promise<Page<Task>>;
}

/** Times are by the catalog's clock, not the caller's. A holder's name is its own: two workers never share one. */
export interface Leases {
  /**
   * Takes the lease if it is free, expired or already this holder's. Who holds it already keeps the fence; any other
   * taking, also of a lease that one gave back or let expire, gets a higher fence than all before. undefined: another
   * holds it.
   */
  acquire(name: string, holder: string, ttlMs: number): Promise<Lease | undefined>;
  /** Prolongs it, also one that has expired if nobody took it since; undefined if it was lost. */
  renew(lease: Lease, ttlMs: number): Promise<Lease | undefined>;
  /** Gives it back; no effect if it was lost. */
  release(lease: Lease): Promise<void>;
  /** Those in force, by name. */
  list(): Promise<Lease[]>;
}

/**
 * Who works on this catalog. A worker says so from time to time; one that has not for its `ttlMs` is no more. Times are
 * by the catalog's clock.
 */
export interface Workers {
  /** Inserts the worker or prolongs its time, and forgets those whose time is over. */
  beat(worker: Omit<Worker, 'seenAt' | 'expiresAt'>, ttlMs: number): Promise<void>;
  /** A worker that ends in order. No error if it is not there. */
  leave(id: string): Promise<void>;
  /** Those whose time is not over, by service, then by when they started. */
  list(): Promise<Worker[]>;
}

/**
 * Events whose change is durable and that have not been noted as sent. None is lost, but of a candidate that is removed;
 * one may be sent twice. An event that is stored while one of the same id and record waits may be stored once or twice.
 */
export interface Outbox {
  /**
   * Events that were stored at that time or before, the oldest first; those of one write as they were given, those of one
   * record as they were written. By the clock that a lease's `expiresAt` goes by.
   */
  pending(before: Timestamp, limit: number): Promise<OutboxEvent[]>;
  /**
   * How many wait, whenever they were stored, for a figure: read from an index, without the events, and no further than
   * `limit`. An engine may count those of one record as one.
   */
  count(limit: number): Promise<number>;
  /** Takes sent events out. No error for those that are out already. */
  sent(events: readonly OutboxEvent[]): Promise<void>;
}
