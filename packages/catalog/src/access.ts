import type { Digest } from '@gantry/oci';
import type { Page, PageRequest } from './catalog.ts';
import type { Timestamp } from './records.ts';

/** A token that was made while the service runs. The token itself is known to its owner alone. */
export interface TokenRecord {
  /** Stands in the token, so that it is looked up by what is no secret. */
  readonly id: string;
  /** Unique among those in force: what its owner is called wherever one is named. */
  readonly name: string;
  /** Hex SHA-256 of the token's text. */
  readonly hash: string;
  readonly scopes: readonly string[];
  readonly groups: readonly string[];
  readonly createdBy: string;
  readonly createdAt: Timestamp;
  /** Absent: it does not expire. */
  readonly expiresAt?: Timestamp;
  readonly revoked?: { readonly by: string; readonly at: Timestamp };
}

export interface Tokens {
  /** @throws Fault CONFLICT when a token that was not revoked has that name, or any has that id */
  create(token: TokenRecord): Promise<void>;
  get(id: string): Promise<TokenRecord | undefined>;
  /** The one of that name that was not revoked. */
  byName(name: string): Promise<TokenRecord | undefined>;
  /** Frees its name. One that was revoked already stays as it is. @returns the token; undefined: there is none */
  revoke(id: string, by: string, at: Timestamp): Promise<TokenRecord | undefined>;
  /** Newest first, by `createdAt`, also those that were revoked. */
  list(page: PageRequest): Promise<Page<TokenRecord>>;
}

/** What somebody did, or was refused. */
export interface AuditFact {
  readonly at: Timestamp;
  /** The caller's name, or what sent the message. */
  readonly actor: string;
  readonly via: 'api' | 'message' | 'cli';
  /** The operation's name, as in the OpenAPI document: `createPromotion`. */
  readonly action: string;
  /** What it was done to: `stable`, a promotion's id, a digest. */
  readonly target: string;
  readonly outcome: 'done' | 'refused' | 'failed';
  /** The answer's status; absent for what had none. */
  readonly status?: number;
  /** The problem type of what was not done. */
  readonly problem?: string;
  readonly reason?: string;
  readonly requestId?: string;
}

/** A fact in its place in the log. Each is bound to the one before it, so none can be changed or taken out unnoticed. */
export interface AuditEntry extends AuditFact {
  /** From 1 on, without gaps. */
  readonly sequence: number;
  /** The hash of the entry before it; of the first one 64 zeros. */
  readonly previous: string;
  /** Of all else of the entry, as audit-chain.ts makes it. */
  readonly hash: string;
}

export interface AuditQuery extends PageRequest {
  readonly actor?: string;
  readonly action?: string;
  /** At that time or later. */
  readonly since?: Timestamp;
}

export interface Audit {
  /** Puts facts at the end of the log, in their order; whoever else appends comes before or after all of them. */
  append(facts: readonly AuditFact[]): Promise<readonly AuditEntry[]>;
  /** Entries after a sequence, in their order. */
  after(sequence: number, limit: number): Promise<AuditEntry[]>;
  /** The last entry; undefined: there is none. */
  head(): Promise<AuditEntry | undefined>;
  /** Newest first, by sequence. */
  list(query: AuditQuery): Promise<Page<AuditEntry>>;
}

/** Whether changes are refused, and who says so. */
export interface ReadOnlyMode {
  readonly on: boolean;
  readonly reason?: string;
  readonly by: string;
  readonly at: Timestamp;
}

/** What all processes go by from one moment to the next. */
export interface Modes {
  /** undefined: nobody ever said. */
  readOnly(): Promise<ReadOnlyMode | undefined>;
  setReadOnly(mode: ReadOnlyMode): Promise<void>;
}

/** A digest that must be nowhere any more, and never come back. */
export interface Purge {
  readonly digest: Digest;
  readonly reason: string;
  readonly by: string;
  readonly at: Timestamp;
  /** The task that takes it out. */
  readonly task: string;
}

export interface Purges {
  /** No effect when the digest is purged already. @returns the purge as it stands, and whether it is new */
  create(purge: Purge): Promise<{ purge: Purge; created: boolean }>;
  get(digest: Digest): Promise<Purge | undefined>;
  /** Those of the digests that are purged. Thousands at once are fine. */
  getAll(digests: readonly Digest[]): Promise<Set<Digest>>;
  /** Whether anything was ever purged: a look at one record. */
  some(): Promise<boolean>;
  /** Newest first, by `at`. */
  list(page: PageRequest): Promise<Page<Purge>>;
}
