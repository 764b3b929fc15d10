import { Fault, type ManifestKind } from '@gantry/oci';
import type { MirrorClient, PublicKey, StatedSerial } from '@gantry/tree';
import type { Additions, PoolObject } from '../repositories/additions.ts';
import type { MirrorState } from '../choose/mirror.ts';
import { findMissing, findWrong, messageOf, ProbeFailure, proveKinds, readTarget } from './probe-steps.ts';
import type { Probed } from './settle-probe.ts';

/** What a probe compares a mirror with. */
export interface ProbedTree {
  /** The serial that the crane serves. */
  readonly current: StatedSerial;
  /** The tree's own statement of a serial; undefined if it has none. */
  statement(serial: number): Promise<StatedSerial | undefined>;
  /** The newest serial that was published at that time or before; undefined: none was that is kept. */
  publishedBy(ms: number): Promise<StatedSerial | undefined>;
  /** What was added to the pool after `from`, up to `to`: to the part of it that the mirror carries. */
  additions(from: number, to: StatedSerial): Promise<Pick<Additions, 'objects'>>;
  /** One manifest of each kind that is to be there. */
  readonly exemplars: ReadonlyMap<ManifestKind, PoolObject>;
  /** Some blobs, and what clients came back for, by path. */
  readonly samples: ReadonlyMap<string, PoolObject>;
  /** Keys of which one must have signed a mirror's serial; with none signatures are not looked at. */
  readonly trustedKeys: readonly PublicKey[];
}

/** What each probe reads whole, whether there is a new serial or not, is no larger than this. */
const READ_OFTEN_BYTES = 1024 * 1024;

/** What a client came back for from a mirror that should have it. */
export interface DoubtedObject extends PoolObject {
  /** The first serial that holds it. */
  readonly since: number;
}

/**
 * Looks at a mirror: whether it carries the same tree, up to which serial it is to be believed, which manifests it serves
 * with their Content-Type, and whether a sample comes with its own bytes. Never rejects: a mirror that fails is one in bad
 * health.
 * @param doubted objects that clients came back for
 */
export async function probeMirror(
  client: MirrorClient,
  former: MirrorState,
  tree: ProbedTree,
  doubted: readonly DoubtedObject[] = [],
): Promise<Probed> {
  const { mirror } = former;
  let { serial, wrong } = former;
  try {
    const target = await readTarget(client, tree);
    // What a mirror had taken back it may have removed as well.
    serial = Math.min(serial, target.statement.serial);
    const problems: string[] = [];
    if (serial < target.statement.serial) {
      const missing = await findMissing(client, (await tree.additions(serial, target)).objects, mirror.seed);
      if (missing === undefined) serial = target.statement.serial;
      else problems.push(`not believed at serial ${target.statement.serial}: ${missing}`);
    }
    const current = tree.current.statement.serial;
    const samples = pickSamples(tree, wrong).map((object) => ({ ...object, since: current }));
    for (const object of [...doubted, ...samples]) {
      const why = await findWrong(client, object, serial >= object.since);
      if (why === undefined) continue;
      wrong = object;
      throw new ProbeFailure([...problems, why].join('; '));
    }
    wrong = undefined;
    const { kinds, unproven } = await proveKinds(client, tree.exemplars);
    problems.push(...unproven);
    const problem = problems.length === 0 ? {} : { problem: problems.join('; ') };
    return { state: { mirror, healthy: serial > 0, serial, kinds, ...problem }, isCertain: true };
  } catch (error) {
    const state = {
      mirror,
      healthy: false,
      serial,
      kinds: new Set<never>(),
      problem: messageOf(error),
      ...(wrong === undefined ? {} : { wrong }),
    };
    return { state, isCertain: error instanceof ProbeFailure ? error.isCertain : error instanceof Fault };
  }
}

/** What a probe reads whole at any time: what was found wrong the last time, and a sample. */
function pickSamples({ samples }: ProbedTree, wrong: PoolObject | undefined): readonly PoolObject[] {
  const handy = [...samples.values()].filter(({ size }) => size <= READ_OFTEN_BYTES);
  const sample = handy[Math.floor(Math.random() * handy.length)];
  // What was wrong may have been taken from the tree meanwhile; then it is no sample any more.
  const former = wrong === undefined ? undefined : samples.get(wrong.path);
  return [former, sample].filter((object) => object !== undefined);
}
