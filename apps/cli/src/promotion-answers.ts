import type { Problem } from '@gantry/oci';
import type { ApprovalAnswer, VerdictAnswer } from './gate-answers.ts';
import type { SerialAtMirrorAnswer } from './mirror-answers.ts';
import { readAnswer } from './read-answer.ts';

// What the API answers of promotions and plans, as far as commands show it.

export interface PromotionAnswer {
  readonly id: string;
  readonly state:
    | 'queued'
    | 'gating'
    | 'promoting'
    | 'publishing'
    | 'done'
    | 'partial'
    | 'failed'
    | 'refused'
    | 'cancelled';
  readonly to: string;
  readonly items: readonly PromotedItem[];
  /** What the gates said when they were asked last; empty: none were. */
  readonly gates: readonly VerdictAnswer[];
  readonly approvals?: readonly ApprovalAnswer[];
  /** The tree that `serial` is of; absent: the main one. */
  readonly tree?: string;
  readonly serial: number | null;
  /** Which mirrors have its serial; absent: not asked, or there are none. */
  readonly mirrors?: readonly SerialAtMirrorAnswer[];
  readonly error: Problem | null;
}

/** What lists of promotions show more of. */
export interface ListedPromotionAnswer extends PromotionAnswer {
  readonly kind: string;
  readonly requestedBy: string;
  readonly createdAt: string;
}

export interface PromotedItem {
  readonly repository: string;
  /** The channel that it goes to: of a rollback each item has its own. */
  readonly channel?: string;
  readonly reference: string;
  readonly digest: string | null;
  readonly tags: readonly string[];
  readonly state: string;
  readonly problem?: Problem;
}

/** What a promotion would do. */
export interface PlanAnswer {
  readonly id: string;
  readonly etag: string;
  readonly to: string;
  readonly atomic: boolean;
  readonly items: readonly PlannedItem[];
  readonly totals: {
    readonly adds: number;
    readonly moves: number;
    readonly noops: number;
    readonly refusals: number;
    readonly objects: number;
    readonly bytes: number;
  };
  readonly expiresAt: string;
}

export interface PlannedItem {
  readonly repository: string;
  readonly reference: string;
  /** null: it is refused. */
  readonly digest: string | null;
  readonly tags: readonly {
    readonly tag: string;
    readonly action: 'add' | 'move' | 'noop' | 'refuse';
    readonly from?: string;
    readonly problem?: Problem;
  }[];
  readonly problem?: Problem;
}

const ENDED: readonly string[] = ['done', 'partial', 'failed', 'cancelled', 'refused'];

export function promotionHasEnded({ state }: PromotionAnswer): boolean {
  return ENDED.includes(state);
}

/** A promotion as it came. @throws Fault ROUTE_UNKNOWN for what is none */
export function readPromotion(value: unknown): PromotionAnswer {
  return readAnswer<PromotionAnswer>(value, 'a promotion', {
    id: 'string',
    state: 'string',
    items: 'object',
    gates: 'object',
  });
}

/** A plan as it came. @throws Fault ROUTE_UNKNOWN for what is none */
export function readPlan(value: unknown): PlanAnswer {
  return readAnswer<PlanAnswer>(value, 'a plan', {
    id: 'string',
    to: 'string',
    items: 'object',
    totals: 'object',
  });
}
