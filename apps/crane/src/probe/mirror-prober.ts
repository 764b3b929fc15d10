import { asFault, splitDigest } from '@gantry/oci';
import { liesOnOrBelow } from '@gantry/service';
import { mirrorClient, type PublicKey, type TreeSource, type TreeView } from '@gantry/tree';
import type { Wanted } from '../choose/choose-mirror.ts';
import { holdsFor, type Mirror, type MirrorState, NOT_PROBED, unprobed } from '../choose/mirror.ts';
import { joinCalls } from '../join-calls.ts';
import type { CraneLogger } from '../options.ts';
import type { SignUrl } from '../private/signed-urls.ts';
import { type DoubtedObject, probeMirror } from './probe-mirror.ts';
import { probeRedirector } from './probe-redirector.ts';
import { READ_MAX_BYTES } from './probe-steps.ts';
import { createProbedTrees } from './probed-tree.ts';
import { settleProbe } from './settle-probe.ts';
import { within } from '../within.ts';

/** A mirror that failed or lags is probed again after this long, or after the usual interval if that is shorter. */
const RETRY_MS = 5000;
/** One that is in doubt is probed again after this long. */
const DOUBT_MS = 500;
/** A mirror that clients come back from is probed at once, but no oftener than this. */
const SUSPECT_EVERY_MS = 5000;
/** What they came back for is read whole, so many bytes a second in the mean: anyone may come back for anything. */
const DOUBTED_BYTES_A_SECOND = 1024 * 1024;
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
  /** The crane's own public host: clients would send their credentials along to whatever on it or below it a mirror leads to. */
  readonly publicName?: string | undefined;
  /** For mirrors that look for signatures; absent: there are none. */
  readonly signUrl?: SignUrl;
  readonly logger: CraneLogger;
  /** Told when `states` is another array. */
  readonly onChange?: () => void;
}

/** What a client came back for. */
export type WantedObject = Pick<Wanted, 'digest' | 'path' | 'size' | 'since'>;

/** Looks at each mirror in the background, on its own clock, so that one that hangs holds up no other. */
export interface MirrorProber extends AsyncDisposable {
  /** What is known of the mirrors, in the order of the configuration. A change makes a new array. */
  readonly states: readonly MirrorState[];
  /**
   * Probes all mirrors now. Returns when one of them is believed at the present serial, all are through, or `limitMs` is
   * over, whichever comes first; the others go on.
   */
  probe(limitMs: number): Promise<void>;
  /** A client came back from a mirror for the same object: the mirror is probed, and what it has there is read, at once or as soon as may be. */
  suspect(mirror: Mirror, object: WantedObject): void;
  /** Takes another list of mirrors from now on. What is known of one that stays as it is, or gets another weight or place, is kept. */
  setMirrors(mirrors: readonly Mirror[]): void;
}

/** Probes of one mirror, one after the other. */
interface ProbeLoop {
  readonly mirror: Mirror;
  readonly probe: () => Promise<void>;
  readonly stop: () => void;
  /** What the next probe is to read. */
  doubted: readonly DoubtedObject[];
  /** Before this it is not probed for a client that came back; milliseconds as of `performance.now`. */
  suspectAgainAt: number;
  /** It will be then, as somebody has come back meanwhile. */
  suspectAgain?: NodeJS.Timeout;
}

export function createMirrorProber(options: MirrorProberOptions): MirrorProber {
  const { source, view, trustedKeys, pollMs, publicName, signUrl, logger } = options;
  const trees = createProbedTrees(source, trustedKeys);
  const ending = new AbortController();
  let states: readonly MirrorState[] = options.mirrors.map(unprobed);

  const update = (former: MirrorState, next: MirrorState) => {
    states = states.map((state) => (state === former ? next : state));
    options.onChange?.();
    if (isWorthTelling(former, next)) report(logger, next);
  };

  const isCurrent = ({ healthy, serial }: MirrorState) =>
    healthy && serial >= (view()?.statement.serial ?? 0);

  const findRefusal = ({ hostname }: URL) =>
    publicName !== undefined && liesOnOrBelow(hostname, publicName)
      ? `which is the crane's own name ${publicName} or lies below it, so that clients would send it their credentials`
      : undefined;

  const stateOf = (mirror: Mirror) => states.find((state) => state.mirror === mirror);

  const probeOne = async (mirror: Mirror, doubted: readonly DoubtedObject[]): Promise<void> => {
    const present = view();
    const former = stateOf(mirror);
    if (present === undefined || former === undefined) return;
    const signal = AbortSignal.any([ending.signal, AbortSignal.timeout(PROBE_MS)]);
    try {
      const tree = await trees.at(present, mirror);
      await using client = mirrorClient(mirror.base, {
        userAgent: 'gantry-crane',
        timeoutMs: SILENCE_MS,
        signal,
        suffix: mirror.redirector?.probeSuffix ?? mirror.suffix,
        findRefusal,
        ...(mirror.isSigned && signUrl !== undefined && { addressOf: (path) => signUrl(mirror.base, path) }),
      });
      const probed = await (mirror.redirector === undefined
        ? probeMirror(client, former, tree, doubted)
        : probeRedirector(client, former, mirror.redirector, tree, doubted));
      // Where a client has failed before the probe, that is no mishap of a moment; of a redirector it may be one of many mirrors.
      const isCertain = probed.isCertain || (doubted.length > 0 && mirror.redirector === undefined);
      if (!ending.signal.aborted && stateOf(mirror) === former)
        update(former, settleProbe(former, { ...probed, isCertain }, former.problem !== NOT_PROBED));
    } catch (error) {
      // The crane's own tree can't be read: that tells nothing of the mirror.
      logger.error({ mirror: mirror.name }, `the mirror could not be probed: ${asFault(error).message}`);
    }
  };

  const startLoop = (mirror: Mirror): ProbeLoop => {
    let timer: NodeJS.Timeout | undefined;
    let isStopped = false;
    const isOver = () => isStopped || ending.signal.aborted;
    const probe = joinCalls(async () => {
      clearTimeout(timer);
      const { doubted } = loop;
      loop.doubted = [];
      if (!isOver()) await probeOne(mirror, doubted);
      if (isOver()) return;
      timer = setTimeout(() => void probe(), Math.min(pauseAfter(stateOf(mirror)), pollMs));
    });
    const stop = () => {
      isStopped = true;
      clearTimeout(timer);
      clearTimeout(loop.suspectAgain);
    };
    const loop: ProbeLoop = { mirror, probe, stop, doubted: [], suspectAgainAt: -Infinity };
    return loop;
  };

  const pauseAfter = (state: MirrorState | undefined): number => {
    if (state?.inDoubt === true) return DOUBT_MS;
    if (state === undefined || state.problem !== undefined || state.onTrial === true) return RETRY_MS;
    // A redirector is behind by its grace, whatever it has.
    const isWell = isCurrent(state) || (state.healthy && state.mirror.redirector !== undefined);
    return isWell ? pollMs : RETRY_MS;
  };

  const suspect = (loop: ProbeLoop, object: WantedObject): void => {
    const now = performance.now();
    if (now < loop.suspectAgainAt) {
      loop.suspectAgain ??= setTimeout(() => {
        delete loop.suspectAgain;
        suspect(loop, object);
      }, loop.suspectAgainAt - now);
      return;
    }
    const { digest, path, size, since } = object;
    const { algorithm, hex } = splitDigest(digest);
    const isRead = algorithm === 'sha256' && size <= READ_MAX_BYTES;
    if (algorithm === 'sha256') loop.doubted = [{ path, size, sha256: hex, since }];
    if (isRead) trees.sample({ path, size, sha256: hex }, loop.mirror);
    loop.suspectAgainAt =
      now + Math.max(SUSPECT_EVERY_MS, isRead ? (1000 * size) / DOUBTED_BYTES_A_SECOND : 0);
    const state = stateOf(loop.mirror);
    if (state !== undefined) update(state, { ...state, suspected: true });
    void loop.probe();
  };

  let loops = options.mirrors.map(startLoop);

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
    suspect(mirror, object) {
      const loop = loops.find((one) => one.mirror === mirror);
      if (loop !== undefined) suspect(loop, object);
    },
    setMirrors(mirrors) {
      const former = loops;
      const known = states;
      for (const { stop } of former) stop();
      states = mirrors.map((mirror) => {
        const same = known.find((state) => holdsFor(state.mirror, mirror));
        return same === undefined ? unprobed(mirror) : { ...same, mirror };
      });
      options.onChange?.();
      loops = mirrors.map(startLoop);
      for (const { probe } of loops) void probe();
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
    former.onTrial !== next.onTrial ||
    (former.problem === undefined) !== (next.problem === undefined) ||
    (former.problem === NOT_PROBED && next.problem !== NOT_PROBED) ||
    former.kinds.symmetricDifference(next.kinds).size > 0
  );
}

function report(
  logger: CraneLogger,
  { mirror, healthy, inDoubt, serial, kinds, problem }: MirrorState,
): void {
  const fields = { mirror: mirror.name, healthy, serial, kinds: [...kinds] };
  if (problem === undefined) logger.info(fields, `the mirror is believed at serial ${serial}`);
  else
    logger.warn(
      fields,
      `the mirror is ${healthy ? (inDoubt === true ? 'in doubt' : 'used in part') : 'not used'}: ${problem}`,
    );
}
