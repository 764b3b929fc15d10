import type { Secret } from './secret.ts';

export interface ChannelConfiguration {
  readonly name: string;
  readonly prefix: string;
  /** Absent: references are looked up among candidates. */
  readonly from?: string;
  readonly publish: boolean;
  /** The further tree that it stands in; absent: the main one. */
  readonly tree?: string;
  readonly gates: readonly GateConfiguration[];
  /** Absent: any tag may be set. */
  readonly tags?: TagRulesConfiguration;
}

/** One of a channel's gates: durations in milliseconds, paths absolute. */
export type GateConfiguration = {
  readonly name: string;
  /** Absent: as long as gates of its kind do. */
  readonly waitMs?: number;
} & GateRuleConfiguration;

/** What a gate asks for: one member, named as the gate's kind. */
export type GateRuleConfiguration =
  | { readonly results: ResultsRuleConfiguration }
  | { readonly approvals: ApprovalsRuleConfiguration }
  | { readonly match: MatchRuleConfiguration }
  | { readonly age: { readonly atLeastMs: number; readonly channel?: string } }
  | { readonly signature: { readonly keyFiles: readonly string[]; readonly count?: number } }
  | { readonly referrers: { readonly artifactTypes: readonly string[] } }
  | { readonly vulnerabilities: VulnerabilitiesRuleConfiguration }
  | { readonly http: HttpRuleConfiguration };

export interface ResultsRuleConfiguration {
  readonly testcases: readonly string[];
  readonly sources?: readonly string[];
  readonly scenarios?: readonly string[];
}

export interface ApprovalsRuleConfiguration {
  readonly count: number;
  readonly by?: readonly string[];
  readonly groups?: readonly string[];
}

export interface MatchRuleConfiguration {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface VulnerabilitiesRuleConfiguration {
  readonly atMost: Readonly<
    Partial<Record<'critical' | 'high' | 'medium' | 'low' | 'negligible' | 'unknown', number>>
  >;
  readonly sources?: readonly string[];
  readonly maxAgeMs?: number;
  readonly onlyFixable: boolean;
  /** `until` as RFC 3339 in UTC. */
  readonly allow: readonly { readonly id: string; readonly until: string; readonly reason: string }[];
}

export interface HttpRuleConfiguration {
  readonly url: string;
  readonly timeoutMs: number;
  readonly token?: Secret;
  readonly caFile?: string;
}

export interface TagRulesConfiguration {
  readonly names?: readonly string[];
  readonly immutable: readonly string[];
  readonly movers: readonly {
    readonly tags: readonly string[];
    readonly by: readonly string[];
    readonly groups: readonly string[];
  }[];
}
