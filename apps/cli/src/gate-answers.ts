// What the API answers of gates and what they go by, as far as commands show it.

/** One thing that a gate asks for, and how it stands. */
export interface RequirementAnswer {
  readonly name: string;
  readonly satisfied: boolean;
  readonly type: string;
  readonly detail: string;
  /** What is missing may still come. */
  readonly pending?: boolean;
  readonly evidence?: Readonly<Record<string, string | number | boolean>>;
  /** The id of the waiver that makes up for it. */
  readonly waiver?: string;
}

/** What a gate says of one image. */
export interface VerdictAnswer {
  readonly gate: string;
  readonly kind: string;
  readonly repository: string;
  readonly digest: string;
  readonly state: 'passed' | 'waived' | 'waiting' | 'refused';
  readonly requirements: readonly RequirementAnswer[];
  readonly at: string;
}

export interface ApprovalAnswer {
  readonly by: string;
  readonly at: string;
  readonly comment?: string | null;
}

export interface ResultAnswer {
  readonly id: string;
  readonly digest: string;
  readonly testcase: string;
  readonly outcome: string;
  readonly source: string;
  readonly scenario?: string | null;
  readonly note?: string | null;
  readonly submittedAt: string;
}

export interface ReportAnswer {
  readonly id: string;
  readonly digest: string;
  readonly format: string;
  readonly scanner: string;
  readonly source: string;
  readonly counts: Readonly<Record<string, number>>;
  readonly submittedAt: string;
}

export interface WaiverAnswer {
  readonly id: string;
  readonly channel: string;
  readonly digest: string;
  readonly repository?: string | null;
  readonly gate: string;
  readonly requirement?: string | null;
  readonly reason: string;
  readonly author: string;
  readonly createdAt: string;
  readonly expiresAt: string;
  readonly revoked?: { readonly by: string; readonly at: string } | null;
}

/** One thing that a gate asks for, in Greenwave's manner. */
export interface DecidedRequirementAnswer {
  readonly type: string;
  readonly testcase: string;
  readonly subject_identifier: string;
  /** null: the image itself is not there. */
  readonly gate: string | null;
  readonly kind: string | null;
  readonly detail: string;
  readonly pending: boolean;
  readonly waiver_id: string | null;
  readonly evidence: Readonly<Record<string, string | number | boolean>>;
}

/** What gates would say, in Greenwave's manner. */
export interface DecisionAnswer {
  readonly policies_satisfied: boolean;
  readonly summary: string;
  /** The gates, in their order. */
  readonly applicable_policies: readonly string[];
  readonly satisfied_requirements: readonly DecidedRequirementAnswer[];
  readonly unsatisfied_requirements: readonly DecidedRequirementAnswer[];
  /** The images that were found, each with what it was asked for by. */
  readonly subjects: readonly {
    readonly repository: string;
    readonly reference: string;
    readonly digest: string;
  }[];
}
