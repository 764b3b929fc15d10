import type { PlanAnswer, PromotionAnswer, TaskAnswer } from './answers.ts';

/** How a command looks on while the work is done. */
export interface Following {
  /** false: come back as soon as the work is accepted. */
  readonly wait: boolean;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

export interface SyncRequest {
  readonly source: string;
  /** Published names; absent: all that the source takes. */
  readonly repositories?: readonly string[];
  /** Only these tags of them, also where their content was given up. */
  readonly tags?: readonly string[];
  readonly dryRun?: boolean;
}

export interface CollectionRequest {
  readonly dryRun?: boolean;
  /** Reads the store through instead. */
  readonly scrub?: boolean;
}

export interface PublishRequest {
  /** Its name; absent: all trees. */
  readonly tree?: string;
}

export interface PromotionRequest {
  readonly items: readonly {
    readonly repository: string;
    readonly reference: string;
    readonly tags?: readonly string[];
  }[];
  readonly to: string;
  readonly atomic?: boolean;
  readonly reason?: string;
}

/** Just what a plan says is to be promoted. */
export interface PlanRequest {
  readonly plan: string;
  readonly to: string;
  readonly reason?: string;
}

/** How a promotion is asked for, beside what it is. */
export interface PromotionTerms {
  /** Makes a repeat the same promotion. */
  readonly idempotencyKey: string;
  /** The ETag that the plan must have. */
  readonly ifMatch?: string;
}

/**
 * The work that commands ask for. It is done by a server, or in this process on the configuration's own stores.
 * `onProgress` is told each time something has changed.
 */
export interface Operations extends AsyncDisposable {
  /** The names of the sources that can be synced. */
  sources(signal: AbortSignal): Promise<readonly string[]>;

  sync(
    request: SyncRequest,
    following: Following,
    onProgress: (task: TaskAnswer) => void,
  ): Promise<TaskAnswer>;

  /** Compares only, and keeps what it found as a plan. */
  planPromotion(request: PromotionRequest, signal: AbortSignal): Promise<PlanAnswer>;

  promote(
    request: PromotionRequest | PlanRequest,
    terms: PromotionTerms,
    following: Following,
    onProgress: (promotion: PromotionAnswer) => void,
  ): Promise<PromotionAnswer>;

  /** Deletes what nothing needs, or reads the store through. */
  collect(
    request: CollectionRequest,
    following: Following,
    onProgress: (task: TaskAnswer) => void,
  ): Promise<TaskAnswer>;

  publish(
    request: PublishRequest,
    following: Following,
    onProgress: (task: TaskAnswer) => void,
  ): Promise<TaskAnswer>;
}
