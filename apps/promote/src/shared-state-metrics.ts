import type { Catalog } from '@gantry/catalog';
import type { Messages } from '@gantry/messages';
import { asFault, Fault } from '@gantry/oci';
import { type FollowedMirror, type Log, MAIN_TREE, mirrorLags, QUEUES } from '@gantry/pipeline';
import type { GaugeValue, Metrics } from '@gantry/service';
import { lastCollection, lastScrub, placesOf } from './last-collection.ts';
import type { ReadOnly } from './read-only.ts';

/** How long the figures wait for an engine. */
const LIMIT_MS = 5000;
/** So many events are counted at the most. */
const OUTBOX_COUNTED = 1000;

/**
 * Figures of what all workers share: the same at whichever of them they are asked for. An engine that does not answer
 * leaves its own out, never the others.
 */
export function addSharedStateMetrics(
  metrics: Metrics,
  {
    catalog,
    messages,
    readOnly,
    mirrors = [],
    log,
  }: {
    readonly catalog: Catalog;
    readonly messages: Messages;
    readonly readOnly: ReadOnly;
    /** Those that are followed. */
    readonly mirrors?: readonly FollowedMirror[] | undefined;
    readonly log: Log;
  },
): void {
  const gauge = (
    name: string,
    help: string,
    labels: readonly string[],
    collect: (value: GaugeValue) => Promise<void>,
  ) =>
    metrics.gauge(name, help, labels, async (value) => {
      value.clear();
      try {
        await inTime(collect(value));
      } catch (error) {
        value.clear();
        if (labels.length === 0) value.set(Number.NaN);
        log.warn({ err: asFault(error), metric: name }, 'metrics.left_out');
      }
    });

  gauge(
    'gantry_queue_messages',
    'Messages in a queue: ready, unacknowledged (being worked on), dead (parked).',
    ['queue', 'state'],
    async (value) => {
      const depths = await Promise.all(
        Object.values(QUEUES).map(async (queue) => ({ queue, depth: await messages.depth(queue) })),
      );
      for (const { queue, depth } of depths) {
        value.set(depth.ready, { queue, state: 'ready' });
        value.set(depth.unacknowledged, { queue, state: 'unacknowledged' });
        value.set(depth.dead, { queue, state: 'dead' });
      }
    },
  );
  gauge(
    'gantry_leases_held',
    'Leases in force, by kind: what stands before the ":" of their names.',
    ['kind'],
    async (value) => {
      for (const [kind, leases] of Map.groupBy(await catalog.leases.list(), ({ name }) => kindOf(name)))
        value.set(leases.length, { kind });
    },
  );
  gauge(
    'gantry_workers',
    'Processes that share the work, by their service.',
    ['worker_service'],
    async (value) => {
      for (const [service, workers] of Map.groupBy(await catalog.workers.list(), (one) => one.service))
        value.set(workers.length, { worker_service: service });
    },
  );
  gauge(
    'gantry_outbox_pending',
    `Events that are durable and not sent yet, in MongoDB the records that have some; ${OUTBOX_COUNTED}: so many or more.`,
    [],
    async (value) => value.set(await catalog.outbox.count(OUTBOX_COUNTED)),
  );
  const statesOfMirrors = async () => {
    const states = new Map((await catalog.confirmations.mirrors(MAIN_TREE)).map((one) => [one.mirror, one]));
    return mirrors.map((mirror) => ({ mirror: mirror.name, state: states.get(mirror.name) }));
  };
  gauge('gantry_mirror_serial', 'The serial that a mirror serves.', ['mirror'], async (value) => {
    for (const { mirror, state } of await statesOfMirrors())
      if (state?.serial !== undefined) value.set(state.serial, { mirror });
  });
  gauge(
    'gantry_mirror_lag_seconds',
    'For how long a mirror has lacked the first serial that is not confirmed of it; 0: it lacks none.',
    ['mirror'],
    async (value) => {
      const states = await statesOfMirrors();
      const lags = await mirrorLags(
        catalog,
        MAIN_TREE,
        states.map(({ state }) => state),
        new Date(),
      );
      for (const [at, { mirror }] of states.entries()) {
        const seconds = lags?.[at]?.seconds;
        if (typeof seconds === 'number') value.set(seconds, { mirror });
      }
    },
  );
  gauge(
    'gantry_mirror_problem',
    'Whether something was wrong with a mirror when it was last looked at: 1, else 0.',
    ['mirror'],
    async (value) => {
      for (const { mirror, state } of await statesOfMirrors())
        if (state !== undefined) value.set(state.problem === undefined ? 0 : 1, { mirror });
    },
  );
  gauge(
    'gantry_gc_last_run_timestamp_seconds',
    'When the last collection ended that was no dry run.',
    [],
    async (value) => {
      const last = await lastCollection(catalog);
      value.set(last === undefined ? Number.NaN : Date.parse(last.endedAt) / 1000);
    },
  );
  gauge(
    'gantry_gc_condemned_bytes',
    'Bytes that were condemned, and still there, when the last collection ended.',
    ['place'],
    async (value) => {
      for (const { place, waiting } of placesOf((await lastCollection(catalog))?.report))
        value.set(waiting, { place });
    },
  );
  gauge('gantry_gc_freed_bytes', 'Bytes that the last collection freed.', ['place'], async (value) => {
    for (const { place, freed } of placesOf((await lastCollection(catalog))?.report))
      value.set(freed, { place });
  });
  gauge(
    'gantry_gc_missing',
    'Manifests and blobs that the last collection found to be needed and not in the store.',
    [],
    async (value) => value.set((await lastCollection(catalog))?.report.store?.missing.count ?? 0),
  );
  gauge(
    'gantry_store_scrub_last_run_timestamp_seconds',
    'When the last scrub of the store ended.',
    [],
    async (value) => {
      const last = await lastScrub(catalog);
      value.set(last === undefined ? Number.NaN : Date.parse(last.endedAt) / 1000);
    },
  );
  gauge(
    'gantry_store_scrub_damaged',
    'Damaged blobs that the last scrub of the store has found.',
    [],
    async (value) => value.set((await lastScrub(catalog))?.state.damaged.length ?? 0),
  );
  gauge('gantry_read_only', 'Whether changes are refused: 1, else 0.', [], async (value) =>
    value.set((await readOnly.state()).on ? 1 : 0),
  );
}

function kindOf(leaseName: string): string {
  return leaseName.split(':', 1)[0] ?? leaseName;
}

async function inTime(work: Promise<void>): Promise<void> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Fault('UNAVAILABLE', 'no answer in time')), LIMIT_MS);
  try {
    await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
