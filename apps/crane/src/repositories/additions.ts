import { MANIFEST_KINDS, type ManifestKind } from '@gantry/oci';
import {
  fullListPath,
  type ListLine,
  listPath,
  parseList,
  readList,
  type StatedSerial,
  type TreeSource,
} from '@gantry/tree';
import { createReservoir } from './reservoir.ts';

/** So many of the objects that were added are looked for at a mirror; of more than that, a random sample. */
export const SAMPLE_SIZE = 200;

const MAX_LIST_BYTES = 256 * 1024 * 1024;
/** More lists than this are not read: the newest tell enough. A publisher writes a full list every day. */
const MAX_LISTS = 5000;

/** A file of the pool, as a list names it. */
export interface PoolObject {
  readonly path: string;
  readonly size: number;
  /** Of the bytes, in hex. */
  readonly sha256: string;
}

/** What the lists of some serials have added to the pool that is still in it. */
export interface Additions {
  /** All of them if they are few, else a random sample. */
  readonly objects: readonly PoolObject[];
  /** One manifest of each kind among them, the oldest that was found: most mirrors have it. */
  readonly exemplars: ReadonlyMap<ManifestKind, PoolObject>;
  /** Paths that were taken from the pool. */
  readonly removed: ReadonlySet<string>;
}

/**
 * Reads the lists of a tree after serial `from` up to that of `to`, from the newest full list on where that is enough. A
 * list that is absent is passed over: serials may have gaps, and lists are kept for 90 days.
 * @param random gives a number from 0 to 1, 1 excluded
 * @throws Fault TREE_INVALID for a list that is not as the format says, UNAVAILABLE when the tree does not answer
 */
export async function readAdditions(
  source: TreeSource,
  from: number,
  to: StatedSerial,
  random: () => number = Math.random,
): Promise<Additions> {
  const { serial, full } = to.statement;
  const fromFull = full !== null && full.serial > from ? full.serial : undefined;
  const after = Math.max(fromFull ?? from, serial - MAX_LISTS);
  const sampler = createSampler(random);

  // The newest first: the last line for a path wins.
  for (let number = serial; number > after; number--) {
    const bytes = await source.read(listPath(number), MAX_LIST_BYTES);
    if (bytes !== undefined) {
      for (const line of parseList(bytes, `${listPath(number)} of ${source.name}`)) sampler.take(line);
    }
  }
  const stream = fromFull === undefined ? undefined : await source.open(fullListPath(fromFull));
  if (stream !== undefined && fromFull !== undefined) {
    const where = `${fullListPath(fromFull)} of ${source.name}`;
    for await (const line of readList(stream, where, { full: true })) sampler.takeLast(line);
  }
  return sampler.additions;
}

function createSampler(random: () => number) {
  const decided = new Set<string>();
  const objects = createReservoir<PoolObject>(SAMPLE_SIZE, random);
  const exemplars = new Map<ManifestKind, PoolObject>();
  const removed = new Set<string>();

  const offer = ({ path, size, sha256 }: PoolObject) => {
    const object = { path, size, sha256 };
    const kind = kindOf(path);
    if (kind !== undefined) exemplars.set(kind, object);
    objects.offer(object);
  };
  /** A line of the oldest list: what it says of a path is not asked for again. */
  const takeLast = (line: ListLine) => {
    if (line.op === '+' && !decided.has(line.path)) offer(line);
  };
  const take = (line: ListLine) => {
    takeLast(line);
    if (line.op === '-' && !decided.has(line.path)) removed.add(line.path);
    decided.add(line.path);
  };
  return { take, takeLast, additions: { objects: objects.kept, exemplars, removed } };
}

const KIND_FOLDERS: readonly (readonly [string, ManifestKind])[] = MANIFEST_KINDS.map((kind) => [
  `pool/manifests/${kind}/`,
  kind,
]);

/** The kind of the manifest at `path`; undefined for what is no manifest. */
function kindOf(path: string): ManifestKind | undefined {
  for (const [folder, kind] of KIND_FOLDERS) if (path.startsWith(folder)) return kind;
  return undefined;
}
