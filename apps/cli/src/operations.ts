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
  readonly dryRun?: boolean;
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

  /** Compares only. */
  planPromotion(request: PromotionRequest, signal: AbortSignal): Promise<PlanAnswer>;

  /** @param idempotencyKey makes a repeat the same promotion */
  promote(
    request: PromotionRequest,
    idempotencyKey: string,
    following: Following,
    onProgress: (promotion: PromotionAnswer) => void,
  ): Promise<PromotionAnswer>;

  publish(following: Following, onProgress: (task: TaskAnswer) => void): Promise<TaskAnswer>;
}
