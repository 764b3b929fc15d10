import type { Severity } from '@gantry/catalog';

/** One of `channels[].gates`, as it is in force: durations in milliseconds, files read, secrets at hand. */
export type GateConfiguration = {
  /** Absent: its kind. */
  readonly name?: string;
  /** Absent: 0, but 7 days for approvals. */
  readonly waitMs?: number;
} & GateRule;

/** What a gate asks for: one member, named as the gate's kind. */
export type GateRule =
  | { readonly results: ResultsRule }
  | { readonly approvals: ApprovalsRule }
  | { readonly match: MatchRule }
  | { readonly age: AgeRule }
  | { readonly signature: SignatureRule }
  | { readonly referrers: ReferrersRule }
  | { readonly vulnerabilities: VulnerabilitiesRule }
  | { readonly http: HttpRule };

/** Each test case has a newest result that is PASSED or INFO; where it has several sources or scenarios, of each. */
export interface ResultsRule {
  readonly testcases: readonly string[];
  /** Test systems whose word counts; absent: all. */
  readonly sources?: readonly string[];
  /** Scenarios that each test case must have passed in; absent: those that there are, at least one. */
  readonly scenarios?: readonly string[];
}

/** So many of those named or in one of the groups said yes; whoever asked for the promotion does not count. */
export interface ApprovalsRule {
  readonly count: number;
  /** Both absent: whoever may approve for the channel. */
  readonly by?: readonly string[];
  readonly groups?: readonly string[];
}

/** Patterns (names, globs, or RE2 between slashes) that the image's labels and its manifest's annotations match. */
export interface MatchRule {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** The image has been in a channel for so long, under whichever tag, without a break. */
export interface AgeRule {
  readonly atLeastMs: number;
  /** Absent: the channel that is taken from. */
  readonly channel?: string;
}

/** The manifest is signed by keys. */
export interface SignatureRule {
  /** Public keys in PEM, with what people call them. */
  readonly keys: readonly { readonly name: string; readonly pem: string }[];
  /** How many of the keys must have signed; absent: 1. */
  readonly count?: number;
}

/** Of each artifact type there is a referrer (or, for an attestation, one whose predicate type it is). */
export interface ReferrersRule {
  readonly artifactTypes: readonly string[];
}

/** A report says that there are no more vulnerabilities of each severity than that. */
export interface VulnerabilitiesRule {
  readonly atMost: Readonly<Partial<Record<Severity, number>>>;
  /** Who may report; absent: anybody who may report anything, and reports that are found as referrers. */
  readonly sources?: readonly string[];
  /** A report older than that is none. */
  readonly maxAgeMs?: number;
  /** Counts only those that a newer version mends. */
  readonly onlyFixable?: boolean;
  /** Ids that do not count until a time. */
  readonly allow?: readonly { readonly id: string; readonly until: string; readonly reason: string }[];
}

/** An HTTP service says yes, asked as Open Policy Agent's data API is: `{input}` → `{result: true}` or `{result: {allow, reasons}}`. */
export interface HttpRule {
  readonly url: string;
  readonly timeoutMs: number;
  /** Sent as a bearer token. */
  readonly token?: string;
  /** PEM. */
  readonly ca?: string;
}
