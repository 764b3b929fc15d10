import { createHealth, type Health, type Metrics } from '@gantry/service';
import { listenAdmin } from './admin.ts';
import { readTrustedProxies } from './client/forwarded.ts';
import type { Crane } from './crane.ts';
import type { CountSample } from './counters.ts';
import { followChanges, openFollowedTree } from './follow/followed-tree.ts';
import { readMirrors } from './choose/mirror.ts';
import { createMirrorProber, type WantedObject } from './probe/mirror-prober.ts';
import { type MirrorReport, reportOf } from './probe/mirror-report.ts';
import { createCounts } from './monitoring.ts';
import type { CraneOptions } from './options.ts';
import { openSigner } from './private/open.ts';
import { openRedirectJson } from './redirect-json/open-redirect-json.ts';
import type { HighestSerial } from './follow/serial-file.ts';
import { within } from './within.ts';

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
/** How long the start waits for the tree, and for a mirror that has what it has. */
const START_WAIT_MS = 5000;
const MIRROR_WAIT_MS = 2000;

/** @throws Fault CONFIGURATION_INVALID for a mirror, tree, serial file or address that can't be used */
export async function startCraneGuide(options: CraneOptions, on: GuideOptions): Promise<CraneGuide> {
  const { logger, pollMs, trustedKeys = [], name, seed, adminListen } = options;
  const readNext = (next: Parameters<Crane['reconfigure']>[0]) => {
    readTrustedProxies(next.trustedProxies);
    return readMirrors(next.mirrors, { publicName: name, seed });
  };
  const mirrors = readNext(options);
  const signUrl = options.signedUrls && (await openSigner(options.signedUrls));
  await using stack = new AsyncDisposableStack();
  const ending = new AbortController();
  stack.defer(() => ending.abort());

  const counts = createCounts();
  let probed: Promise<void> = Promise.resolve();
  const { place, source, follower, view } = await openFollowedTree({
    ...options,
    counts,
    cacheBytes: DOCUMENT_BYTES,
    signal: ending.signal,
    onSerial: () => {
      probed = prober.probe(MIRROR_WAIT_MS);
      on.onLook();
    },
  });
  const prober = stack.use(
    createMirrorProber({
      mirrors,
      source,
      view,
      trustedKeys,
      pollMs,
      publicName: name,
      logger,
      onChange: on.onMirrors,
      ...(signUrl !== undefined && { signUrl }),
    }),
  );
  const look = async () => {
    await follower.check();
    on.onLook();
  };
  const first = async () => {
    await look();
    await probed;
  };
  // The workers read redirect files themselves; here they are for health and figures.
  const redirectJson = openRedirectJson(options, counts);
  if (redirectJson !== undefined) stack.use(redirectJson);
  await within(START_WAIT_MS, Promise.all([first(), redirectJson?.look()]));
  stack.use(followChanges(place, pollMs, () => void look()));

  const health = createHealth();
  on.addChecks(health);
  const sight = {
    tree: () => follower.current,
    mirrors: () => prober.states,
    ...(redirectJson !== undefined && { redirectJson }),
  };
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
      prober.setMirrors(readNext(next));
    },
    countRefusal: () => void counts.refusedConfigurations.value++,
    add: (samples, former) => counts.counters.add(samples, former),
    drain: () => health.drain(),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}
