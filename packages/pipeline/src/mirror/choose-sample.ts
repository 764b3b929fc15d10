import type { Catalog, ManifestRecord, Promotion } from '@gantry/catalog';
import { type Digest, MANIFEST_MEDIA_TYPES } from '@gantry/oci';
import {
  blobPath,
  indexPath,
  listPath,
  manifestPath,
  parsePath,
  readList,
  type StatedSerial,
  type TreeSource,
} from '@gantry/tree';

/** A file that is pulled through a mirror. */
export interface SampledObject {
  readonly path: string;
  readonly size?: number;
  readonly digest: Digest;
  /** The Content-Type that it has to come with; absent: any will do. */
  readonly mediaType?: string;
  /** Of one that is too large to be pulled: the bytes that it begins with. */
  readonly beginning?: Uint8Array;
}

/** What is larger is not pulled whole: its size is asked for, and its beginning compared with the tree's own. */
export const WHOLE_BYTES = 4 * 1024 * 1024;
const BEGINNING_BYTES = 64 * 1024;

/** So many lists are looked into for what is new; of older ones a mirror has had time to make up. */
const LISTS_MAX = 20;

/** What is to be pulled of serials that a mirror says it has. */
export interface SampleQuestion {
  readonly catalog: Pick<Catalog, 'manifests' | 'pool' | 'promotions'>;
  /** Its name in the catalog. */
  readonly tree: string;
  readonly source: TreeSource;
  /** What the mirror serves. */
  readonly stated: StatedSerial;
  /** The serials that are to be confirmed, newest first, with the promotions that appeared in them. */
  readonly serials: readonly { readonly serial: number; readonly promotions: readonly string[] }[];
  /** So many tags or, where fewer are new, other objects. */
  readonly count: number;
  /** Of a mirror of a part: whether it carries what is promoted as that repository of that channel; absent: all. */
  readonly carries?: (channel: string, repository: string) => boolean;
  /** From 0 to 1, 1 excluded. */
  readonly random?: () => number;
}

/**
 * Chooses what is pulled: of tags that came with the serials a manifest and one of its blobs, of an index also a child and
 * its blob; where there are fewer such tags, whatever else the serials brought; and the root document always.
 * @throws Fault TREE_INVALID, UNAVAILABLE
 */
export async function chooseSample(question: SampleQuestion): Promise<SampledObject[]> {
  const { catalog, tree, source, stated, serials, count, carries, random = Math.random } = question;
  if (count === 0) return [];
  const chosen: SampledObject[] = [];
  const digests = await promotedDigests(catalog, serials, carries);
  const tags = pickSome(digests, count, random);
  for (const digest of tags) chosen.push(...(await objectsOf(catalog, digest, random)));
  if (tags.length < count && carries === undefined) {
    const names = serials.slice(0, LISTS_MAX).map(({ serial }) => serial);
    chosen.push(...(await listed(source, names, count - tags.length, random)));
  }
  // What was purged since, or is of a channel that is kept out of the tree, no mirror has.
  const paths = chosen.map(({ path }) => path);
  const there = await catalog.pool.getAll(tree, paths);
  const { root } = stated.statement;
  const objects = [{ path: indexPath(root), digest: root }, ...chosen.filter(({ path }) => there.has(path))];
  const distinct = [...new Map(objects.map((object) => [object.path, object])).values()];
  return Promise.all(distinct.map((object) => withBeginning(source, object)));
}

async function withBeginning(source: TreeSource, object: SampledObject): Promise<SampledObject> {
  if ((object.size ?? 0) <= WHOLE_BYTES) return object;
  const stream = await source.open(object.path);
  if (stream === undefined) return object;
  const pieces: Uint8Array[] = [];
  let total = 0;
  for await (const piece of stream as AsyncIterable<Uint8Array>) {
    pieces.push(piece);
    total += piece.length;
    if (total >= BEGINNING_BYTES) break;
  }
  return { ...object, beginning: Buffer.concat(pieces).subarray(0, BEGINNING_BYTES) };
}

/** Digests that tags got with the serials. A tag that has moved on since may be gone from a mirror: its newest counts. */
async function promotedDigests(
  catalog: Pick<Catalog, 'promotions'>,
  serials: SampleQuestion['serials'],
  carries: SampleQuestion['carries'] = () => true,
): Promise<Digest[]> {
  const decided = new Set<string>();
  const digests = new Set<Digest>();
  for (const id of serials.flatMap(({ promotions }) => promotions).slice(0, 100)) {
    const promotion = await catalog.promotions.get(id);
    for (const { channel, repository, tags, digest } of doneItems(promotion)) {
      if (!carries(channel, repository)) continue;
      const fresh = tags.filter((tag) => !decided.has(`${channel} ${repository}:${tag}`));
      for (const tag of tags) decided.add(`${channel} ${repository}:${tag}`);
      if (digest !== null && fresh.length > 0) digests.add(digest);
    }
  }
  return [...digests];
}

function doneItems(promotion: Promotion | undefined): Promotion['items'] {
  return promotion?.items.filter(({ state }) => state === 'done' || state === 'accepted') ?? [];
}

/** A manifest, a child of it where it is an index, and one blob. */
async function objectsOf(
  { manifests }: Pick<Catalog, 'manifests'>,
  digest: Digest,
  random: () => number,
): Promise<SampledObject[]> {
  const record = await manifests.get(digest);
  if (record === undefined) return [];
  const [childDigest] = pickSome(record.manifests, 1, random);
  const child = childDigest === undefined ? undefined : await manifests.get(childDigest);
  const [blob] = pickSome(
    (child ?? record).blobs.filter(({ foreign }) => foreign !== true),
    1,
    random,
  );
  return [
    manifestObject(record),
    ...(child === undefined ? [] : [manifestObject(child)]),
    ...(blob === undefined ? [] : [{ path: blobPath(blob.digest), size: blob.size, digest: blob.digest }]),
  ];
}

function manifestObject({ kind, digest, size }: ManifestRecord): SampledObject {
  return { path: manifestPath(kind, digest), size, digest, mediaType: MANIFEST_MEDIA_TYPES[kind] };
}

/** Some of what the lists of these serials, newest first, have added and no later one took away. */
async function listed(
  source: TreeSource,
  serials: readonly number[],
  count: number,
  random: () => number,
): Promise<SampledObject[]> {
  const kept: SampledObject[] = [];
  const decided = new Set<string>();
  let seen = 0;
  for (const serial of serials) {
    const stream = await source.open(listPath(serial));
    if (stream === undefined) continue;
    for await (const line of readList(stream, `${listPath(serial)} of ${source.name}`)) {
      const known = decided.has(line.path);
      // Only one list is large: the first. What is in a single one need not be remembered.
      if (serials.length > 1) decided.add(line.path);
      if (line.op === '-' || known) continue;
      const { path, size, sha256 } = line;
      const object: SampledObject = { path, size, digest: `sha256:${sha256}`, ...typeOf(path) };
      const at = seen++ < count ? kept.length : Math.floor(random() * seen);
      if (at < count) kept[at] = object;
    }
  }
  return kept;
}

function typeOf(path: string): Pick<SampledObject, 'mediaType'> {
  const parsed = parsePath(path);
  return parsed?.type === 'manifest' ? { mediaType: MANIFEST_MEDIA_TYPES[parsed.kind] } : {};
}

/** Some of these, each as likely as any other. */
function pickSome<T>(items: readonly T[], count: number, random: () => number): T[] {
  const rest = [...items];
  const picked: T[] = [];
  while (picked.length < count && rest.length > 0) {
    picked.push(...rest.splice(Math.floor(random() * rest.length), 1));
  }
  return picked;
}
