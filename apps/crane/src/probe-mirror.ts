import { digestOf, Fault, MANIFEST_MAX_BYTES, MANIFEST_MEDIA_TYPES, type ManifestKind } from '@gantry/oci';
import {
  decodeStatement,
  findSignatureProblem,
  MAX_STATEMENT_BYTES,
  type MirrorClient,
  POINTER_PATH,
  type PublicKey,
  type StatedSerial,
} from '@gantry/tree';
import type { Additions, PoolObject } from './additions.ts';
import type { MirrorState } from './mirror.ts';
import type { Probed } from './settle-probe.ts';

/** What a probe compares a mirror with. */
export interface ProbedTree {
  /** The serial that the crane serves. */
  readonly current: StatedSerial;
  /** The tree's own statement of a serial; undefined if it has none. */
  statement(serial: number): Promise<StatedSerial | undefined>;
  /** What was added to the pool after `from`, up to `to`. */
  additions(from: number, to: StatedSerial): Promise<Additions>;
  /** One manifest of each kind that the tree has. */
  readonly exemplars: ReadonlyMap<ManifestKind, PoolObject>;
  /** Some blobs, and what clients came back for, by path. */
  readonly samples: ReadonlyMap<string, PoolObject>;
  /** Keys of which one must have signed a mirror's serial; with none signatures are not looked at. */
  readonly trustedKeys: readonly PublicKey[];
}

const HEADS_AT_ONCE = 8;
/** What is read whole of a new serial is no larger than this, where there is a choice. */
const READ_WHOLE_BYTES = 16 * 1024 * 1024;
/** What each probe reads whole, whether there is a new serial or not, is no larger than this. */
const READ_OFTEN_BYTES = 1024 * 1024;

/** What a client came back for from a mirror that should have it. */
export interface DoubtedObject extends PoolObject {
  /** The first serial that holds it. */
  readonly since: number;
}

/** Why a mirror can't be used. */
class ProbeFailure extends Error {
  /** What it said rules it out, and it will say the same when it is asked again. */
  readonly isCertain: boolean;

  constructor(message: string, isCertain = true) {
    super(message);
    this.isCertain = isCertain;
  }
}

/**
 * Looks at a mirror: whether it carries the same tree, up to which serial it is to be believed, which manifests it serves
 * with their Content-Type, and whether a sample comes with its own bytes. Never rejects: a mirror that fails is one in bad
 * health.
 * @param doubted objects that clients came back for: they are read whole
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
      const missing = await findMissing(client, await tree.additions(serial, target), mirror.seed);
      if (missing === undefined) serial = target.statement.serial;
      else problems.push(`not believed at serial ${target.statement.serial}: ${missing}`);
    }
    const current = tree.current.statement.serial;
    const samples = pickSamples(tree, wrong).map((object) => ({ ...object, since: current }));
    for (const object of [...doubted, ...samples]) {
      const why = await findWrong(client, object, serial >= object.since && mirror.carries === undefined);
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

/** The statement of the highest serial that the mirror may be believed at: its own, or the crane's if that is lower. */
async function readTarget(client: MirrorClient, tree: ProbedTree): Promise<StatedSerial> {
  const { status, contentEncoding, bytes } = await client.read(POINTER_PATH, MAX_STATEMENT_BYTES, {
    plainly: true,
  });
  if (status !== 200)
    throw new ProbeFailure(`${POINTER_PATH} is answered with ${status}`, status < 500 && status !== 429);
  if (contentEncoding !== '')
    throw new ProbeFailure(`${POINTER_PATH} came with Content-Encoding ${contentEncoding}`);
  const statement = decodeStatement(bytes, POINTER_PATH);
  const { current, trustedKeys } = tree;
  const untrusted =
    trustedKeys.length === 0 ? undefined : findSignatureProblem(bytes, trustedKeys, POINTER_PATH);
  if (untrusted !== undefined)
    throw new ProbeFailure(`its serial ${statement.serial} is refused: ${untrusted.why}`);
  if (statement.tree !== current.statement.tree) {
    throw new ProbeFailure(`it carries another tree: ${statement.tree}, not ${current.statement.tree}`);
  }
  if (statement.serial > current.statement.serial) return current;
  const known =
    statement.serial === current.statement.serial ? current : await tree.statement(statement.serial);
  if (known !== undefined && known.digest !== digestOf(bytes)) {
    throw new ProbeFailure(`it is a fork: its serial ${statement.serial} is not that of the tree`);
  }
  // The publisher may be late for all; one that is behind and expired is out of use.
  if (statement.serial < current.statement.serial && Date.parse(statement.expires) <= Date.now()) {
    throw new ProbeFailure(`its serial ${statement.serial} expired at ${statement.expires}`);
  }
  return known ?? { statement, digest: digestOf(bytes) };
}

/** What a probe reads whole at any time: what was found wrong the last time, and a sample. */
function pickSamples({ samples }: ProbedTree, wrong: PoolObject | undefined): readonly PoolObject[] {
  const handy = [...samples.values()].filter(({ size }) => size <= READ_OFTEN_BYTES);
  const sample = handy[Math.floor(Math.random() * handy.length)];
  // What was wrong may have been taken from the tree meanwhile; then it is no sample any more.
  const former = wrong === undefined ? undefined : samples.get(wrong.path);
  return [former, sample].filter((object) => object !== undefined);
}

/**
 * Reads an object whole.
 * @param isKept whether the mirror is known to have it; one that lags, or carries a part, may lack it
 * @returns why it is not what clients should be sent to; undefined: it is, or may be absent
 */
async function findWrong(
  client: MirrorClient,
  { path, sha256 }: PoolObject,
  isKept: boolean,
): Promise<string | undefined> {
  const reply = await client.hash(path);
  if (reply.status >= 500 || reply.status === 429)
    throw new ProbeFailure(`${path} is answered with ${reply.status}`, false);
  if (reply.status !== 200) return isKept ? `${path} is answered with ${reply.status}` : undefined;
  return reply.sha256 === sha256 ? undefined : `${path} does not come with its own bytes`;
}

/** The first object found wanting, and why; undefined when all are there, some of them read whole. */
async function findMissing(
  client: MirrorClient,
  { objects }: Additions,
  seed: number,
): Promise<string | undefined> {
  let found: string | undefined;
  const queue = objects.values();
  const look = async () => {
    for (const object of queue) {
      if (found !== undefined) return;
      const { status, contentEncoding, sizeBytes } = await client.head(object.path);
      if (status !== 200) found ??= `${object.path} is answered with ${status}`;
      else if (contentEncoding !== '')
        found ??= `${object.path} came with Content-Encoding ${contentEncoding}`;
      else if (sizeBytes !== undefined && sizeBytes !== object.size) {
        found ??= `${object.path} has ${sizeBytes} bytes there, not ${object.size}`;
      }
    }
  };
  await Promise.all(Array.from({ length: HEADS_AT_ONCE }, look));
  for (const whole of found === undefined ? pickWholes(objects, seed) : []) {
    const { status, sha256 } = await client.hash(whole.path);
    if (status !== 200 || sha256 !== whole.sha256) return `${whole.path} does not come with its own bytes`;
  }
  return found;
}

/**
 * The objects that are read whole: a blob, a manifest and a document, that are not too large, or the smallest.
 * @param seed decides which: the same for the same, so that what was wrong is looked at again
 */
function pickWholes(objects: readonly PoolObject[], seed: number): readonly PoolObject[] {
  const sorts = Object.values(Object.groupBy(objects, ({ path }) => path.split('/', 2).join('/')));
  return sorts.flatMap((sort = []) => {
    const bySize = sort.toSorted((a, b) => a.size - b.size);
    const handy = bySize.filter(({ size }) => size <= READ_WHOLE_BYTES);
    return handy[seed % handy.length] ?? bySize[0] ?? [];
  });
}

/** Reads one manifest of each kind, and looks at how it comes. */
async function proveKinds(
  client: MirrorClient,
  exemplars: ReadonlyMap<ManifestKind, PoolObject>,
): Promise<{ kinds: ReadonlySet<ManifestKind>; unproven: string[] }> {
  const kinds = new Set<ManifestKind>();
  const unproven: string[] = [];
  for (const [kind, { path, sha256 }] of exemplars) {
    const reply = await client.read(path, MANIFEST_MAX_BYTES);
    const wanted = MANIFEST_MEDIA_TYPES[kind];
    if (reply.status !== 200) unproven.push(`${kind}: ${path} is answered with ${reply.status}`);
    else if (reply.contentType !== wanted) {
      unproven.push(`${kind} comes with Content-Type ${reply.contentType || '(none)'}, not ${wanted}`);
    } else if (reply.contentEncoding !== '') {
      unproven.push(`${kind} comes with Content-Encoding ${reply.contentEncoding}`);
    } else if (digestOf(reply.bytes) !== `sha256:${sha256}`) {
      throw new ProbeFailure(`${path} does not come with its own bytes`);
    } else kinds.add(kind);
  }
  return { kinds, unproven };
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.message !== '') return error.message;
  return 'code' in error ? String(error.code) : error.name;
}
