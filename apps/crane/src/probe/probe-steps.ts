import {
  digestOf,
  forEachConcurrently,
  MANIFEST_MAX_BYTES,
  MANIFEST_MEDIA_TYPES,
  type ManifestKind,
} from '@gantry/oci';
import {
  decodeStatement,
  findSignatureProblem,
  MAX_STATEMENT_BYTES,
  type MirrorClient,
  type MirrorReply,
  POINTER_PATH,
  type StatedSerial,
} from '@gantry/tree';
import type { PoolObject } from '../repositories/additions.ts';
import type { ProbedTree } from './probe-mirror.ts';

const HEADS_AT_ONCE = 8;
/** What is read whole of a new serial is no larger than this, where there is a choice. */
const READ_WHOLE_BYTES = 16 * 1024 * 1024;

/** No object is read whole that is larger than this, unless it is the smallest of a new serial. */
export const READ_MAX_BYTES = 64 * 1024 * 1024;

/** Why a mirror can't be used. */
export class ProbeFailure extends Error {
  /** What it said rules it out, and it will say the same when it is asked again. */
  readonly isCertain: boolean;

  constructor(message: string, isCertain = true) {
    super(message);
    this.isCertain = isCertain;
  }
}

/** The statement of the highest serial that the mirror may be believed at: its own, or the crane's if that is lower. */
export async function readTarget(
  client: MirrorClient,
  tree: ProbedTree,
  { evenExpired = false } = {},
): Promise<StatedSerial> {
  const reply = await client.read(POINTER_PATH, MAX_STATEMENT_BYTES, { plainly: true });
  const { status, contentEncoding, bytes } = reply;
  const at = seenAt(reply);
  if (status !== 200)
    throw new ProbeFailure(`${POINTER_PATH} is answered with ${status}${at}`, status < 500 && status !== 429);
  if (contentEncoding !== '')
    throw new ProbeFailure(`${POINTER_PATH} came with Content-Encoding ${contentEncoding}${at}`);
  const statement = decodeStatement(bytes, POINTER_PATH);
  const { current, trustedKeys } = tree;
  const untrusted =
    trustedKeys.length === 0 ? undefined : findSignatureProblem(bytes, trustedKeys, POINTER_PATH);
  if (untrusted !== undefined)
    throw new ProbeFailure(`its serial ${statement.serial} is refused${at}: ${untrusted.why}`);
  if (statement.tree !== current.statement.tree) {
    throw new ProbeFailure(`it carries another tree${at}: ${statement.tree}, not ${current.statement.tree}`);
  }
  if (statement.serial > current.statement.serial) return current;
  const known =
    statement.serial === current.statement.serial ? current : await tree.statement(statement.serial);
  if (known !== undefined && known.digest !== digestOf(bytes)) {
    throw new ProbeFailure(`it is a fork${at}: its serial ${statement.serial} is not that of the tree`);
  }
  // The publisher may be late for all; one that is behind and expired is out of use.
  const isBehind = statement.serial < current.statement.serial;
  if (isBehind && !evenExpired && Date.parse(statement.expires) <= Date.now()) {
    throw new ProbeFailure(`its serial ${statement.serial} expired at ${statement.expires}`);
  }
  return known ?? { statement, digest: digestOf(bytes) };
}

/**
 * Reads an object whole, or looks whether it is there if it is too large for that.
 * @param isKept whether the mirror is known to have it; one that lags, or carries a part, may lack it
 * @returns why it is not what clients should be sent to; undefined: it is, or may be absent
 */
export async function findWrong(
  client: MirrorClient,
  object: PoolObject,
  isKept: boolean,
): Promise<string | undefined> {
  const { path, size, sha256 } = object;
  if (size > READ_MAX_BYTES) return isKept ? findAbsent(client, [object]) : undefined;
  const reply = await client.hash(path);
  const at = seenAt(reply);
  if (reply.status >= 500 || reply.status === 429)
    throw new ProbeFailure(`${path} is answered with ${reply.status}${at}`, false);
  if (reply.status !== 200) return isKept ? `${path} is answered with ${reply.status}${at}` : undefined;
  return reply.sha256 === sha256 ? undefined : `${path} does not come with its own bytes${at}`;
}

/** The first object found wanting, and why; undefined when all are there, some of them read whole. */
export async function findMissing(
  client: MirrorClient,
  objects: readonly PoolObject[],
  seed: number,
): Promise<string | undefined> {
  const found = await findAbsent(client, objects);
  for (const whole of found === undefined ? pickWholes(objects, seed) : []) {
    const reply = await client.hash(whole.path);
    if (reply.status !== 200 || reply.sha256 !== whole.sha256)
      return `${whole.path} does not come with its own bytes${seenAt(reply)}`;
  }
  return found;
}

/** The first object that is not there with its size, and why; undefined when all are. */
export async function findAbsent(
  client: Pick<MirrorClient, 'head'>,
  objects: readonly PoolObject[],
): Promise<string | undefined> {
  let found: string | undefined;
  await forEachConcurrently(objects, HEADS_AT_ONCE, async (object) => {
    if (found !== undefined) return;
    const reply = await client.head(object.path);
    const { status, contentEncoding, sizeBytes } = reply;
    const at = seenAt(reply);
    if (status !== 200) found ??= `${object.path} is answered with ${status}${at}`;
    else if (contentEncoding !== '')
      found ??= `${object.path} came with Content-Encoding ${contentEncoding}${at}`;
    else if (sizeBytes !== undefined && sizeBytes !== object.size) {
      found ??= `${object.path} has ${sizeBytes} bytes there, not ${object.size}${at}`;
    }
  });
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
export async function proveKinds(
  client: MirrorClient,
  exemplars: ReadonlyMap<ManifestKind, PoolObject>,
): Promise<{ kinds: ReadonlySet<ManifestKind>; unproven: string[] }> {
  const kinds = new Set<ManifestKind>();
  const unproven: string[] = [];
  for (const [kind, { path, sha256 }] of exemplars) {
    const reply = await client.read(path, MANIFEST_MAX_BYTES);
    const wanted = MANIFEST_MEDIA_TYPES[kind];
    const at = seenAt(reply);
    if (reply.status !== 200) unproven.push(`${kind}: ${path} is answered with ${reply.status}${at}`);
    else if (reply.contentType !== wanted) {
      unproven.push(`${kind} comes with Content-Type ${reply.contentType || '(none)'}, not ${wanted}${at}`);
    } else if (reply.contentEncoding !== '') {
      unproven.push(`${kind} comes with Content-Encoding ${reply.contentEncoding}${at}`);
    } else if (digestOf(reply.bytes) !== `sha256:${sha256}`) {
      throw new ProbeFailure(`${path} does not come with its own bytes${at}`);
    } else kinds.add(kind);
  }
  return { kinds, unproven };
}

/** Who it was, where a mirror has led elsewhere. */
function seenAt({ redirects, origin }: MirrorReply): string {
  return redirects === 0 ? '' : `, at ${origin}`;
}

/** A probe's error in words. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.message !== '') return error.message;
  return 'code' in error ? String(error.code) : error.name;
}
