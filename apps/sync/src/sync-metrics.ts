import type { Metrics } from '@gantry/service';
import type { Meter } from './meter-progress.ts';

/** What became of the tags of a sync. */
export interface TagVerdicts {
  /** Candidates that are new, or have moved, or have got more that belongs to them. */
  readonly taken: number;
  readonly unchanged: number;
  readonly failed: number;
}

/** The figures of one source. */
export interface SourceMeter extends Meter {
  /** Failures that are tried again. */
  retried(count: number): void;
  /** A sync has ended. */
  ended(sync: { readonly state: string; readonly seconds: number; readonly tags: TagVerdicts }): void;
  /** All that the source has was synced, then. */
  succeeded(at: Date): void;
}

/** The figures of all sources. */
export interface SyncMetrics {
  of(source: string): SourceMeter;
}

const BUCKETS_SECONDS = [0.1, 0.5, 2, 10, 60, 300, 1800, 7200];

/** @param metrics where they are shown; absent: nowhere */
export function createSyncMetrics(metrics?: Metrics): SyncMetrics {
  const counter = (name: string, help: string, ...labels: string[]) =>
    metrics?.counter(name, help, ['source', ...labels]);
  const bytes = counter('gantry_sync_bytes_total', 'Bytes that came from source registries.');
  const blobs = counter('gantry_sync_blobs_total', 'Blobs that came whole into the store.');
  const tags = counter(
    'gantry_sync_tags_total',
    'Tags that were looked at, by what became of them.',
    'verdict',
  );
  const retries = counter('gantry_sync_retries_total', 'Tags and repositories tried again after a failure.');
  const durations = metrics?.histogram(
    'gantry_sync_duration_seconds',
    'How long a sync took, from its start to its end.',
    BUCKETS_SECONDS,
    ['source', 'state'],
  );
  const successes = metrics?.gauge(
    'gantry_sync_last_success_timestamp_seconds',
    'When all that a source has was synced last.',
    ['source'],
  );
  return {
    of: (source) => ({
      bytes: (count) => bytes?.add(count, { source }),
      blobs: (count) => blobs?.add(count, { source }),
      retried: (count) => retries?.add(count, { source }),
      ended({ state, seconds, tags: verdicts }) {
        durations?.observe(seconds, { source, state });
        for (const [verdict, count] of Object.entries(verdicts)) tags?.add(count, { source, verdict });
      },
      succeeded: (at) => successes?.set(at.getTime() / 1000, { source }),
    }),
  };
}
