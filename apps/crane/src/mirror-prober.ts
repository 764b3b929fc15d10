import { asFault } from '@gantry/oci';
import { mirrorClient, type PublicKey, type TreeSource, type TreeView } from '@gantry/tree';
import { type Mirror, type MirrorState, NOT_PROBED, unprobed } from './mirror.ts';
import { oneAtATime } from './one-at-a-time.ts';
import type { CraneLogger } from './options.ts';
import { probeMirror } from './probe-mirror.ts';
import { createProbedTrees } from './probed-tree.ts';
import { within } from './within.ts';

/** A mirror that failed or lags is probed again after this long, or after the usual interval if that is shorter. */
const RETRY_MS = 5000;
/** How long a mirror may be silent during a probe, and how long a probe may take as a whole. */
const SILENCE_MS = 5000;
const PROBE_MS = 120_000;

export interface MirrorProberOptions {
  readonly mirrors: readonly Mirror[];
  /** The crane's own tree. */
  readonly source: TreeSource;
  /** The serial that is served now; without one there is nothing to compare mirrors with. */
  readonly view: () => TreeView | undefined;
  /** Keys of which one must have signed a mirror's serial; with none signatures are not looked at. */
  readonly trustedKeys: readonly PublicKey[];
  /** How often a mirror that is well is probed. */
  readonly pollMs: number;
  readonly logger: CraneLogger;
}

/** Looks at each mirror in the background, on its own clock, so that one that hangs holds up no other. */
export interface MirrorProber extends AsyncDisposable {
  /** What is known of the mirrors, in the order of the configuration. A change makes a new array. */
  readonly states: readonly MirrorState[];
  /**
   * Probes all mirrors now. Returns when one of them is believed at the present serial, all are through, or `limitMs` is
   * over, whichever comes first; the others go on.
   */
  probe(limitMs: number): Promise<void>;
}

export function createMirrorProber(options: MirrorProberOptions): MirrorProber {
  const { mirrors, source, view, trustedKeys, pollMs, logger } = options;
  const trees = createProbedTrees(source, trustedKeys);
  const ending = new AbortController();
  let states: readonly MirrorState[] = mirrors.map(unprobed);

  const update = (next: MirrorState) => {
    const former = states.find(({ mirror }) => mirror === next.mirror);
    states = states.map((state) => (state === former ? next : state));
    if (former === undefined) return;
    if (isWorthTelling(former, next)) report(logger, next);
  };

  const isCurrent = ({ healthy, serial }: MirrorState) =>
    healthy && serial >= (view()?.statement.serial ?? 0);

  const probeOne = async (mirror: Mirror): Promise<void> => {
    const present = view();
    const former = states.find((state) => state.mirror === mirror);
    if (present === undefined || former === undefined) return;
    const signal = AbortSignal.any([ending.signal, AbortSignal.timeout(PROBE_MS)]);
    try {
      const tree = await trees.at(present);
      await using client = mirrorClient(mirror.base, {
        userAgent: 'gantry-crane',
        timeoutMs: SILENCE_MS,
        signal,
      });
      const next = await probeMirror(client, former, tree);
      if (!ending.signal.aborted) update(next);
    } catch (error) {
      // The crane's own tree can't be read: that tells nothing of the mirror.
      logger.error({ mirror: mirror.name }, `the mirror could not be probed: ${asFault(error).message}`);
    }
  };

  const loops = mirrors.map((mirror) => {
    let timer: NodeJS.Timeout | undefined;
    const probe = oneAtATime(async () => {
      clearTimeout(timer);
      if (!ending.signal.aborted) await probeOne(mirror);
      if (ending.signal.aborted) return;
      const state = states.find((known) => known.mirror === mirror);
      const well = state !== undefined && isCurrent(state) && state.problem === undefined;
      timer = setTimeout(() => void probe(), well ? pollMs : Math.min(RETRY_MS, pollMs));
    });
    return { probe, stop: () => clearTimeout(timer) };
  });

  return {
    get states() {
      return states;
    },
    async probe(limitMs) {
      const probes = loops.map(async ({ probe }) => {
        await probe();
        if (!states.some(isCurrent)) throw new Error('not believed at the present serial');
      });
      const one = Promise.any(probes).catch(() => undefined); // or all are through, and none has it
      await within(limitMs, one);
    },
    async [Symbol.asyncDispose]() {
      ending.abort();
      for (const { stop } of loops) stop();
      await Promise.all(loops.map(({ probe }) => probe())); // each run under way has ended then
    },
  };
}

/** Whether requests are sent to the mirror for other things than before, or something is wrong that was not. */
function isWorthTelling(former: MirrorState, next: MirrorState): boolean {
  return (
    former.healthy !== next.healthy ||
    former.serial !== next.serial ||
    (former.problem === undefined) !== (next.problem === undefined) ||
    (former.problem === NOT_PROBED && next.problem !== NOT_PROBED) ||
    former.kinds.symmetricDifference(next.kinds).size > 0
  );
}

function report(logger: CraneLogger, { mirror, healthy, serial, kinds, problem }: MirrorState): void {
  const fields = { mirror: mirror.name, healthy, serial, kinds: [...kinds] };
  if (problem === undefined) logger.info(fields, `the mirror is believed at serial ${serial}`);
  else logger.warn(fields, `the mirror is ${healthy ? 'used in part' : 'not used'}: ${problem}`);
}
