import type { Failure, FailureKey } from '@gantry/catalog';
import { type Problem, problemType } from '@gantry/oci';
import { SYNC_FAILURES_MAX, type SyncFailure, type SyncItem } from '@gantry/pipeline';
import { backoffMs } from './backoff.ts';

/** What a sync was to do, and what came of it. */
export interface SyncReport {
  readonly source: string;
  /** Only these tags were looked at; absent: what the source lists. */
  readonly items?: readonly SyncItem[];
  readonly failures: readonly SyncFailure[];
  /** What had failed before, of all that this sync was to look at. */
  readonly known: readonly Failure[];
  readonly now: Date;
  /** From 0 to 1. */
  readonly random: () => number;
  /** The name that a repository of the source is published by. */
  readonly publishedName: (sourceRepository: string) => string;
}

/** What is to be noted of it. */
export interface FailurePlan {
  readonly put: readonly Failure[];
  readonly remove: readonly FailureKey[];
}

const ASKED_MAX_MS = 24 * 3600 * 1000;
const STORAGE_FULL = problemType('STORAGE_FULL');

/** A tag, or, without one, a repository as a whole. */
type Place = Pick<FailureKey, 'sourceRepository' | 'tag'>;
type Outcome = Pick<SyncFailure, 'problem' | 'retry'>;

/**
 * What failed is counted, and gets its time to be tried again; what failed no more is taken away. When the sync ended
 * before it had looked at all, what it did not come to is put off.
 */
export function planFailures(report: SyncReport): FailurePlan {
  const { source, items, known, now } = report;
  const asked = items === undefined ? undefined : placesIn(items);
  const failed = failedPlaces(report.failures, asked);
  const before = new Map(known.map((failure) => [keyOf(failure), failure]));
  const others = (asked ?? known).filter((place) => !failed.has(keyOf(place)));
  const early = earlyEnd(report.failures);
  const remove: FailureKey[] = [];
  for (const place of others) {
    const key = keyOf(place);
    const former = before.get(key);
    if (early !== undefined) {
      // What was known and is not due was not to be tried now: its time stands.
      if (asked !== undefined || isDue(former, now)) failed.set(key, { place, ...early });
    } else if (former !== undefined && !failed.has(keyOf({ sourceRepository: place.sourceRepository }))) {
      remove.push({ source, ...only(place) });
    }
  }
  const put = [...failed].map(([key, { place, problem, retry }]): Failure => {
    const former = before.get(key);
    const attempts = (former?.attempts ?? 0) + 1;
    const at = now.toISOString();
    return {
      source,
      ...only(place),
      repository: former?.repository ?? report.publishedName(place.sourceRepository),
      problem,
      attempts,
      firstAt: former?.firstAt ?? at,
      lastAt: at,
      retryAt: retry
        ? new Date(now.getTime() + retryMs(attempts, problem, report.random)).toISOString()
        : null,
    };
  });
  return { put, remove };
}

/** The registry may have said when to come back: not before that then, if that is within a day. */
function retryMs(attempts: number, { retryAfterSeconds }: Problem, random: () => number): number {
  const askedMs = typeof retryAfterSeconds === 'number' ? retryAfterSeconds * 1000 : 0;
  return Math.min(askedMs, ASKED_MAX_MS) + backoffMs(attempts, random());
}

/** What tells places of one source apart. */
export function keyOf({ sourceRepository, tag }: Place): string {
  return JSON.stringify([sourceRepository, tag]);
}

function placesIn(items: readonly SyncItem[]): Place[] {
  return items.flatMap(({ sourceRepository, tags }) => tags.map((tag) => ({ sourceRepository, tag })));
}

/** @param asked the tags that were asked for: when their repository failed as a whole, each of them did */
function failedPlaces(
  failures: readonly SyncFailure[],
  asked: readonly Place[] | undefined,
): Map<string, Outcome & { place: Place }> {
  const failed = new Map<string, Outcome & { place: Place }>();
  for (const { sourceRepository, tag, problem, retry } of failures) {
    if (sourceRepository === undefined) continue; // the source itself, or a name that is none
    const places =
      tag === undefined && asked !== undefined
        ? asked.filter((place) => place.sourceRepository === sourceRepository)
        : [only({ sourceRepository, ...(tag === undefined ? {} : { tag }) })];
    for (const place of places) failed.set(keyOf(place), { place, problem, retry });
  }
  return failed;
}

/** Why a sync did not look at all that it was to look at; undefined when it did. */
function earlyEnd(failures: readonly SyncFailure[]): Outcome | undefined {
  return (
    failures.find(({ repository, problem }) => repository === undefined || problem.type === STORAGE_FULL) ??
    failures[SYNC_FAILURES_MAX - 1]
  );
}

function isDue(failure: Failure | undefined, now: Date): boolean {
  return failure !== undefined && failure.retryAt !== null && failure.retryAt <= now.toISOString();
}

function only({ sourceRepository, tag }: Place): Place {
  return { sourceRepository, ...(tag === undefined ? {} : { tag }) };
}
