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
  /** Keys of which one must have signed a mirror's serial; with none signatures are not looked at. */
  readonly trustedKeys: readonly PublicKey[];
}

const HEADS_AT_ONCE = 8;
/** The one object that is read whole is no larger than this, where there is a choice. */
const READ_WHOLE_BYTES = 16 * 1024 * 1024;

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
 * Looks at a mirror: whether it carries the same tree, up to which serial it is to be believed, and which manifests it
 * serves with their Content-Type. Never rejects: a mirror that fails is one in bad health.
 */
export async function probeMirror(
  client: MirrorClient,
  former: MirrorState,
  tree: ProbedTree,
): Promise<Probed> {
  const { mirror } = former;
  let { serial } = former;
  try {
    const target = await readTarget(client, tree);
    // What a mirror had taken back it may have removed as well.
    serial = Math.min(serial, target.statement.serial);
    const problems: string[] = [];
    if (serial < target.statement.serial) {
      const missing = await findMissing(client, await tree.additions(serial, target));
      if (missing === undefined) serial = target.statement.serial;
      else problems.push(`not believed at serial ${target.statement.serial}: ${missing}`);
    }
    const { kinds, unproven } = await proveKinds(client, tree.exemplars);
    problems.push(...unproven);
    const problem = problems.length === 0 ? {} : { problem: problems.join('; ') };
    return { state: { mirror, healthy: serial > 0, serial, kinds, ...problem }, isCertain: true };
  } catch (error) {
    const state = { mirror, healthy: false, serial, kinds: new Set<never>(), problem: messageOf(error) };
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

/** The first object found wanting, and why; undefined when all are there, one of them read whole. */
async function findMissing(client: MirrorClient, { objects }: Additions): Promise<string | undefined> {
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
  const whole = found === undefined ? pickWhole(objects) : undefined;
  if (whole === undefined) return found;
  const { status, sha256 } = await client.hash(whole.path);
  if (status === 200 && sha256 === whole.sha256) return undefined;
  return `${whole.path} does not come with its own bytes`;
}

/** The object that is read whole: any that is not too large, else the smallest. */
function pickWhole(objects: readonly PoolObject[]): PoolObject | undefined {
  const handy = objects.filter(({ size }) => size <= READ_WHOLE_BYTES);
  if (handy.length > 0) return handy[Math.floor(Math.random() * handy.length)];
  return objects.toSorted((a, b) => a.size - b.size)[0];
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
      unproven.push(`${kind}: ${path} does not come with its own bytes`);
    } else kinds.add(kind);
  }
  return { kinds, unproven };
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.message !== '') return error.message;
  return 'code' in error ? String(error.code) : error.name;
}
