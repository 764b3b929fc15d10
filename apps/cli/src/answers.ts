import { Fault, type Problem } from '@gantry/oci';
import type { ApprovalAnswer, VerdictAnswer } from './gate-answers.ts';

interface Counts {
  readonly bytes: number;
  readonly blobs: number;
  readonly tags: number;
}

/** What the API answers, as far as commands show it. More members may come with it; JSON output hands them on. */
export interface TaskAnswer {
  readonly id: string;
  readonly kind: string;
  readonly state: 'queued' | 'running' | 'done' | 'partial' | 'failed' | 'cancelled';
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly progress: Counts & { readonly expected?: Counts };
  readonly errors: readonly FailedItem[];
  readonly result?: Readonly<Record<string, unknown>> | null;
}

export interface FailedItem {
  readonly item: string;
  readonly problem: Problem;
  /** When it is tried again by itself; null or absent: it is not. */
  readonly retryAt?: string | null;
}

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
  readonly serial: number | null;
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

/** A tag of the plan that a dry run of a sync gives. */
export interface PlannedTag {
  readonly repository: string;
  readonly tag: string;
  readonly action: string;
  readonly rule: string;
  readonly digest?: string;
}

export interface CandidateAnswer {
  readonly source: string;
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
  readonly platforms: readonly string[];
  readonly size: number;
  readonly syncedAt: string;
  /** When the source told that it has the tag no more. */
  readonly goneAt: string | null;
}

export interface SourceAnswer {
  readonly name: string;
}

export interface PublicationAnswer {
  readonly serial: number;
  readonly state: string;
  readonly root: string;
  readonly promotions: readonly string[];
  readonly added: { readonly objects: number; readonly bytes: number };
  readonly publishedAt: string;
}

export interface DifferenceAnswer {
  readonly repository: string;
  readonly tag: string;
  readonly from: string | null;
  readonly to: string | null;
}

export interface WorkerAnswer {
  readonly id: string;
  readonly service: string;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly startedAt: string;
  readonly seenAt: string;
}

export interface LeaseAnswer {
  readonly name: string;
  readonly holder: string;
  readonly fence: number;
  readonly expiresAt: string;
}

export interface QueueAnswer {
  readonly name: string;
  readonly ready: number;
  readonly unacknowledged: number;
  readonly dead: number;
}

export interface DeadLetterAnswer {
  readonly queue: string;
  readonly id: string;
  readonly routingKey: string;
  readonly event: { readonly id: string; readonly source: string } | null;
  /** The beginning of what is no event. */
  readonly text: string | null;
  readonly reason: string | null;
  readonly parkedAt: string | null;
}

const TASK_ENDED: readonly string[] = ['done', 'partial', 'failed', 'cancelled'];
const PROMOTION_ENDED: readonly string[] = [...TASK_ENDED, 'refused'];

export function taskHasEnded({ state }: TaskAnswer): boolean {
  return TASK_ENDED.includes(state);
}

export function promotionHasEnded({ state }: PromotionAnswer): boolean {
  return PROMOTION_ENDED.includes(state);
}

/** A task as it came. @throws Fault ROUTE_UNKNOWN for what is none */
export function readTask(value: unknown): TaskAnswer {
  checkMembers(value, 'a task', { id: 'string', state: 'string', progress: 'object', errors: 'object' });
  return value as TaskAnswer;
}

/** A promotion as it came. @throws Fault ROUTE_UNKNOWN for what is none */
export function readPromotion(value: unknown): PromotionAnswer {
  checkMembers(value, 'a promotion', { id: 'string', state: 'string', items: 'object', gates: 'object' });
  return value as PromotionAnswer;
}

/** A plan as it came. @throws Fault ROUTE_UNKNOWN for what is none */
export function readPlan(value: unknown): PlanAnswer {
  checkMembers(value, 'a plan', { id: 'string', to: 'string', items: 'object', totals: 'object' });
  return value as PlanAnswer;
}

/** What has these members, by their types. @throws Fault ROUTE_UNKNOWN for what has not */
export function readAnswer<T>(
  value: unknown,
  what: string,
  members: { readonly [Name in keyof T]?: 'string' | 'number' | 'boolean' | 'object' },
): T {
  checkMembers(value, what, members);
  return value as T;
}

/** A number that an answer has as a member. @throws Fault ROUTE_UNKNOWN for what has none */
export function readCount(value: unknown, member: string): number {
  checkMembers(value, 'a count', { [member]: 'number' });
  return (value as Record<string, number>)[member] ?? 0;
}

/** Looks at what the commands rely on: another server at the address would answer with something else. */
function checkMembers(
  value: unknown,
  what: string,
  members: Readonly<Record<string, string | undefined>>,
): void {
  const record = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  const isIt = Object.entries(members).every(
    ([name, type]) => typeof record[name] === type && record[name] !== null,
  );
  if (isIt) return;
  throw new Fault(
    'ROUTE_UNKNOWN',
    `the server answered with something else than ${what}: is it a Gantry server of this version?`,
  );
}
