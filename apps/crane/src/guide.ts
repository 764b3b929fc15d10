import { createHealth, type Health, type Metrics } from '@gantry/service';
import { listenAdmin } from './admin.ts';
import { readChangeable } from './changeable.ts';
import type { CountSample } from './counters.ts';
import type { Crane } from './crane.ts';
import type { HighestSerial } from './follow/serial-file.ts';
import { openLookout } from './lookout.ts';
import { createCounts } from './monitoring.ts';
import type { CraneOptions } from './options.ts';
import type { WantedObject } from './probe/mirror-prober.ts';
import { type MirrorReport, reportOf } from './probe/mirror-report.ts';

/** Follows the tree's pointer and probes the mirrors for cranes in other processes (`startGuidedCrane`); answers no pulls itself. */
export interface CraneGuide extends AsyncDisposable {
  readonly adminUrl?: string;
  /** The highest serial that was ever served, as far as is known. */
  highest(): HighestSerial | undefined;
  /** What is known of each mirror. */
  reports(): readonly MirrorReport[];
  /** A client came back from this mirror for the same object. */
  suspect(mirror: string, object: WantedObject): void;
  /** Takes other mirrors from now on. @throws Fault CONFIGURATION_INVALID for what a crane would refuse; then all stays as it was */
  reconfigure: Crane['reconfigure'];
  countRefusal: Crane['countRefusal'];
  /** Counts what a crane has counted since `former`, its last samples. */
  add(samples: readonly CountSample[], former: readonly CountSample[]): void;
  /** From now on `/readyz` says that the process is about to end. */
  drain(): void;
}

export interface GuideOptions {
  /** The tree's pointer was looked at, and `highest` may be another. */
  readonly onLook: () => void;
  /** `reports` may tell something else. */
  readonly onMirrors: () => void;
  /** Adds what else `/readyz` depends on. */
  readonly addChecks: (health: Health) => void;
  /** Adds what else is measured. */
  readonly addMetrics: (metrics: Metrics) => Metrics;
}

/** Nothing of a document is read here but a serial's own. */
const DOCUMENT_BYTES = 4 * 1024 * 1024;

/** @throws Fault CONFIGURATION_INVALID for a mirror, tree, serial file or address that can't be used */
export async function startCraneGuide(options: CraneOptions, on: GuideOptions): Promise<CraneGuide> {
  const counts = createCounts();
  await using stack = new AsyncDisposableStack();
  // The workers read redirect files themselves; here they are for health and figures.
  const lookout = stack.use(
    await openLookout(options, {
      mirrors: readChangeable(options, options).mirrors,
      counts,
      cacheBytes: DOCUMENT_BYTES,
      onSerial: on.onLook,
      onLook: on.onLook,
      onMirrors: on.onMirrors,
    }),
  );
  const { follower, prober, sight } = lookout;
  await lookout.start();

  const health = createHealth();
  on.addChecks(health);
  const { adminListen } = options;
  const admin =
    adminListen && stack.use(await listenAdmin(adminListen, health, counts.counters, sight, on.addMetrics));

  const resources = stack.move();
  return {
    ...(admin === undefined ? {} : { adminUrl: admin.url }),
    highest: () => follower.highest,
    reports: () => prober.states.map(reportOf),
    suspect(mirror, object) {
      const state = prober.states.find((one) => one.mirror.name === mirror);
      if (state !== undefined) prober.suspect(state.mirror, object);
    },
    reconfigure(next) {
      prober.setMirrors(readChangeable(next, options).mirrors);
    },
    countRefusal: () => void counts.refusedConfigurations.value++,
    add: (samples, former) => counts.counters.add(samples, former),
    drain: () => health.drain(),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}
