import type { Problem } from '@gantry/oci';
import { readAnswer } from './read-answer.ts';

export * from './promotion-answers.ts';
export * from './read-answer.ts';

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

export function taskHasEnded({ state }: TaskAnswer): boolean {
  return TASK_ENDED.includes(state);
}

/** A task as it came. @throws Fault ROUTE_UNKNOWN for what is none */
export function readTask(value: unknown): TaskAnswer {
  return readAnswer<TaskAnswer>(value, 'a task', {
    id: 'string',
    state: 'string',
    progress: 'object',
    errors: 'object',
  });
}
