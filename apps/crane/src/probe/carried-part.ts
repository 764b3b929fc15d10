import { type Digest, Fault, type ManifestKind, splitDigest } from '@gantry/oci';
import {
  blobPath,
  indexPath,
  type ListedRepository,
  manifestPath,
  openTree,
  readDocumentBytes,
  type StatedSerial,
  type TreeSource,
  type TreeView,
} from '@gantry/tree';
import { type Additions, type PoolObject, SAMPLE_SIZE } from '../repositories/additions.ts';
import { readRepositoryLists } from '../repositories/read-repository.ts';
import { createReservoir } from '../repositories/reservoir.ts';
import { type CarriedRepository, pickRepositories, SAMPLED_REPOSITORIES } from './carried-repositories.ts';
import { noteSample } from './note-sample.ts';

/** So many blobs of a repository may be read in later probes. */
const BLOBS_KEPT = 4;
/** Shards of a serial that is not served any more. */
const FORMER_CACHE_BYTES = 8 * 1024 * 1024;

/**
 * What a mirror that carries some repositories is to have. The tree's lists don't say whose an object is, so it comes out
 * of the documents of those repositories, of a random sample where they are many.
 */
export interface CarriedPart {
  /** Takes the serial that `view` shows for the present one. @throws Fault TREE_INVALID, UNAVAILABLE */
  learn(view: TreeView): Promise<void>;
  /** One manifest of each kind that was seen, the oldest: most mirrors have it. */
  readonly exemplars: ReadonlyMap<ManifestKind, PoolObject>;
  /** Some blobs, by path. */
  readonly samples: Map<string, PoolObject>;
  /** What repositories that are carried have at `to` and had not at `from`. */
  additions(from: number, to: StatedSerial): Promise<Pick<Additions, 'objects'>>;
}

/** What is kept of a repository. */
interface KnownRepository {
  readonly digest: Digest;
  readonly manifests: ReadonlyMap<ManifestKind, AgedObject>;
  readonly blobs: readonly PoolObject[];
}

interface AgedObject extends PoolObject {
  readonly since: number;
}

export function createCarriedPart(source: TreeSource, carries: (name: string) => boolean): CarriedPart {
  let present: TreeView | undefined;
  let known = new Map<string, KnownRepository>();
  let exemplars: ReadonlyMap<ManifestKind, PoolObject> = new Map();
  let lastRead: { readonly key: string; readonly objects: readonly PoolObject[] } | undefined;
  const samples = new Map<string, PoolObject>();

  /** The state of a serial; undefined: it is kept no more. */
  const stateOf = async (serial: number): Promise<TreeView | undefined> => {
    if (serial === present?.statement.serial) return present;
    return serial === 0 ? undefined : openTree(source, { serial, cacheBytes: FORMER_CACHE_BYTES });
  };

  const learn = async (view: TreeView): Promise<void> => {
    if (view.digest === present?.digest) return;
    const next = new Map<string, Digest>();
    for (const name of known.keys()) {
      const digest = await view.repositoryDigest(name);
      if (digest !== undefined) next.set(name, digest);
    }
    for (const { name, digest } of await pickChanged(view, present)) next.set(name, digest);
    const read = await readEach(
      Array.from(next, ([name, digest]) => ({ name, digest })),
      async ({ name, digest }) => {
        const former = known.get(name);
        if (former?.digest === digest) return [name, former] as const;
        return [name, summaryOf(digest, (await readRepositoryLists(source, name, digest)).listed)] as const;
      },
    );
    known = bounded(new Map(read));
    exemplars = oldestOf(known.values());
    samples.clear();
    for (const { blobs } of known.values()) for (const blob of blobs) noteSample(samples, blob);
    present = view;
  };

  const pickChanged = async (view: TreeView, former: TreeView | undefined) => {
    try {
      return await pickRepositories(view, carries, former);
    } catch (error) {
      // What a former serial had may have been taken away.
      if (former === undefined || !(error instanceof Fault)) throw error;
      return pickRepositories(view, carries);
    }
  };

  const readAdditions = async (from: number, to: StatedSerial): Promise<readonly PoolObject[]> => {
    const [before, at] = await Promise.all([
      stateOf(from).catch(() => undefined),
      stateOf(to.statement.serial),
    ]);
    if (at === undefined)
      throw new Fault('UNAVAILABLE', `the statement of serial ${to.statement.serial} is kept no more`);
    const objects = createReservoir<PoolObject>(SAMPLE_SIZE - 1);
    await readEach(await pickChanged(at, before), async ({ name, digest }) => {
      const { listed, size } = await readRepositoryLists(source, name, digest);
      const had = await digestsAt(before, name);
      for (const object of [documentAt(digest, size), ...objectsOf(listed, had)]) objects.offer(object);
    });
    const { root } = at.statement;
    return [documentAt(root, (await readDocumentBytes(source, root)).length), ...objects.kept];
  };

  /** What a repository had; nothing if that can't be told. */
  const digestsAt = async (view: TreeView | undefined, name: string): Promise<ReadonlySet<Digest>> => {
    try {
      const digest = await view?.repositoryDigest(name);
      if (digest === undefined) return new Set();
      const { manifests, blobs } = (await readRepositoryLists(source, name, digest)).listed;
      return new Set([...manifests, ...blobs].map(([one]) => one));
    } catch {
      return new Set();
    }
  };

  return {
    learn,
    get exemplars() {
      return exemplars;
    },
    samples,
    async additions(from, to) {
      const key = `${from} ${to.digest}`;
      if (lastRead?.key !== key) lastRead = { key, objects: await readAdditions(from, to) };
      return lastRead;
    },
  };
}

/** Reads repositories one after the other. One that can't be read is left out, unless that is so of all. */
async function readEach<T>(
  repositories: readonly CarriedRepository[],
  read: (one: CarriedRepository) => Promise<T>,
): Promise<T[]> {
  const found: T[] = [];
  let failure: unknown;
  for (const one of repositories)
    try {
      found.push(await read(one));
    } catch (error) {
      failure = error;
    }
  if (found.length === 0 && failure !== undefined) throw failure;
  return found;
}

function summaryOf(digest: Digest, { manifests, blobs }: ListedRepository): KnownRepository {
  const oldest = new Map<ManifestKind, AgedObject>();
  for (const [one, { kind, size, since }] of manifests)
    if (isSha256(one)) keepOlder(oldest, kind, { ...objectAt(manifestPath(kind, one), size, one), since });
  const kept = createReservoir<PoolObject>(BLOBS_KEPT);
  for (const [one, { size }] of blobs) if (isSha256(one)) kept.offer(objectAt(blobPath(one), size, one));
  return { digest, manifests: oldest, blobs: kept.kept };
}

function oldestOf(repositories: Iterable<KnownRepository>): ReadonlyMap<ManifestKind, PoolObject> {
  const oldest = new Map<ManifestKind, AgedObject>();
  for (const { manifests } of repositories)
    for (const [kind, manifest] of manifests) keepOlder(oldest, kind, manifest);
  return oldest;
}

function keepOlder(oldest: Map<ManifestKind, AgedObject>, kind: ManifestKind, one: AgedObject): void {
  const former = oldest.get(kind);
  if (former === undefined || one.since < former.since) oldest.set(kind, one);
}

/** No more repositories than stand for all: those that were known longest leave, but for the only one with a kind of manifest. */
function bounded(known: Map<string, KnownRepository>): Map<string, KnownRepository> {
  const counts = new Map<ManifestKind, number>();
  const count = ({ manifests }: KnownRepository, by: number) => {
    for (const kind of manifests.keys()) counts.set(kind, (counts.get(kind) ?? 0) + by);
  };
  for (const one of known.values()) count(one, 1);
  for (const [name, one] of known) {
    if (known.size <= SAMPLED_REPOSITORIES) break;
    if ([...one.manifests.keys()].some((kind) => counts.get(kind) === 1)) continue;
    count(one, -1);
    known.delete(name);
  }
  return known;
}

/** Manifests and blobs, but for those that were there before. */
function* objectsOf(
  { manifests, blobs }: ListedRepository,
  had: ReadonlySet<Digest>,
): Generator<PoolObject, void, undefined> {
  for (const [one, { kind, size }] of manifests)
    if (isSha256(one) && !had.has(one)) yield objectAt(manifestPath(kind, one), size, one);
  for (const [one, { size }] of blobs)
    if (isSha256(one) && !had.has(one)) yield objectAt(blobPath(one), size, one);
}

function documentAt(digest: Digest, size: number): PoolObject {
  return objectAt(indexPath(digest), size, digest);
}

/** Another digest does not tell what the bytes' SHA-256 is. */
function isSha256(digest: Digest): boolean {
  return digest.startsWith('sha256:');
}

function objectAt(path: string, size: number, digest: Digest): PoolObject {
  return { path, size, sha256: splitDigest(digest).hex };
}
