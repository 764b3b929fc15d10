import type { Digest } from '@gantry/oci';
import type { Page, PageRequest } from './catalog.ts';
import type { Timestamp } from './records.ts';

/** What a test may have come to (ResultsDB's words). Only PASSED and INFO let a digest pass. */
export const OUTCOMES = [
  'PASSED',
  'INFO',
  'FAILED',
  'NEEDS_INSPECTION',
  'ERROR',
  'QUEUED',
  'RUNNING',
] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** What a test system reports of a digest, in ResultsDB's shape. Immutable: a later result of the same test is another one. */
export interface Result {
  readonly id: string;
  readonly digest: Digest;
  /** The published name, where the test was of one. */
  readonly repository?: string;
  readonly testcase: string;
  readonly testcaseUrl?: string;
  readonly outcome: Outcome;
  /** Which test system says so: the one of its scope `report:<source>`. */
  readonly source: string;
  /** One of several runs of a test case that are told apart: of a platform, an environment. */
  readonly scenario?: string;
  /** Where the run can be read. */
  readonly url?: string;
  readonly note?: string;
  readonly groups: readonly string[];
  /** What else the test system said. Every value is a list, as ResultsDB has it. */
  readonly data: Readonly<Record<string, readonly string[]>>;
  /** Whose token it came with, or what sent the message. */
  readonly submittedBy: string;
  readonly submittedAt: Timestamp;
}

export interface ResultQuery extends PageRequest {
  readonly digest?: Digest;
  readonly testcase?: string;
  readonly source?: string;
  readonly outcome?: Outcome;
  /** Submitted at that time or later. */
  readonly since?: Timestamp;
}

export interface Results {
  /** No effect when one of that id is there: what was sent twice is one result. @returns whether it is new */
  put(result: Result): Promise<boolean>;
  get(id: string): Promise<Result | undefined>;
  /** The newest result of each source, test case and scenario of a digest, in the order of their names. */
  latest(digest: Digest): Promise<Result[]>;
  /** Newest first, by `submittedAt`. */
  list(query: ResultQuery): Promise<Page<Result>>;
}

export const SEVERITIES = ['critical', 'high', 'medium', 'low', 'negligible', 'unknown'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** A vulnerability that a scanner found in an image. */
export interface Finding {
  /** `CVE-2026-1234`, `GHSA-…` */
  readonly id: string;
  readonly severity: Severity;
  readonly package?: string;
  readonly version?: string;
  /** The version that mends it; absent: none is known. */
  readonly fixedIn?: string;
}

/** A scanner's report of a digest, as it was posted: its findings in one form, whatever the scanner's own. Immutable. */
export interface Report {
  readonly id: string;
  readonly digest: Digest;
  /** The published name, where it was sent of one. */
  readonly repository?: string;
  readonly format: 'trivy' | 'grype' | 'sarif';
  /** As the report names the program that made it. */
  readonly scanner: string;
  /** Which system sent it: the one of its scope `report:<source>`. */
  readonly source: string;
  /** Each once. Beyond the first 10,000 they are only counted. */
  readonly findings: readonly Finding[];
  readonly counts: Readonly<Record<Severity, number>>;
  /** Of the bytes that were posted. */
  readonly content: Digest;
  readonly submittedBy: string;
  readonly submittedAt: Timestamp;
}

export interface ReportQuery extends PageRequest {
  readonly digest?: Digest;
  readonly source?: string;
}

export interface Reports {
  /** No effect when one of that id is there. @returns whether it is new */
  put(report: Report): Promise<boolean>;
  get(id: string): Promise<Report | undefined>;
  /** The newest report of each source of a digest, by source. */
  latest(digest: Digest): Promise<Report[]>;
  /** Newest first, by `submittedAt`, without their findings. */
  list(query: ReportQuery): Promise<Page<Omit<Report, 'findings'>>>;
}

/** Somebody's word that a requirement of a gate need not hold for a digest, for a time. */
export interface Waiver {
  readonly id: string;
  readonly channel: string;
  readonly digest: Digest;
  /** As it was asked for; for people. */
  readonly repository?: string;
  /** The gate's name. */
  readonly gate: string;
  /** The requirement's name; absent: all of the gate. */
  readonly requirement?: string;
  readonly reason: string;
  readonly author: string;
  /** That the author was in then; absent: none is known. */
  readonly authorGroups?: readonly string[];
  readonly createdAt: Timestamp;
  readonly expiresAt: Timestamp;
  readonly revoked?: { readonly by: string; readonly at: Timestamp };
}

export interface WaiverQuery extends PageRequest {
  readonly channel?: string;
  readonly digest?: Digest;
}

export interface Waivers {
  /** @throws Fault CONFLICT when the id is another waiver's */
  create(waiver: Waiver): Promise<void>;
  get(id: string): Promise<Waiver | undefined>;
  /** Notes that it holds no more; one that was revoked already stays as it is. @returns the waiver; undefined: there is none */
  revoke(id: string, by: string, at: Timestamp): Promise<Waiver | undefined>;
  /** Those of a digest in a channel that hold at a time, the oldest first. */
  inForce(channel: string, digest: Digest, at: Timestamp): Promise<Waiver[]>;
  /** Newest first, by `createdAt`, also those that hold no more. */
  list(query: WaiverQuery): Promise<Page<Waiver>>;
}
