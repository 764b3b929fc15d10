import type { Catalog, ManifestRecord } from '@gantry/catalog';
import { type Digest, Fault, forEachConcurrently } from '@gantry/oci';
import {
  blobPath,
  decodeRepositoryFile,
  type EditedRepository,
  editRepository,
  type EncodedDocument,
  encodeReferrers,
  indexPath,
  type LoadDocument,
  type ManifestEntry,
  manifestPath,
  treeTime,
  type TreeView,
} from '@gantry/tree';
import { type ContentGraph, readContentGraph } from '../content-graph.ts';
import { rootsOf } from '../promote/plan-totals.ts';
import { allPages } from '../take-back/all-pages.ts';
import type { TagMove, TouchedRepository } from './apply-promotions.ts';
import { type ComposedDocument, isListed, objectsOf } from './compose-repository.ts';
import { isLostDocument } from './mendable-view.ts';
import { type PublishContext, publishedName } from './published-tree.ts';
import { tagsAfter } from './published-tags.ts';
import { type ChannelRepository, stillReached } from './tags-reaching.ts';

const LISTS_AT_ONCE = 8;

/**
 * Composes the document of a repository from the one that stands in the tree and from what became of its tags since: at the
 * cost of that, whatever the number of its tags. To the byte it is what a composition of the whole channel gives.
 * @returns undefined where that is not certain: then the whole is to be composed
 */
export async function composeMoves(
  context: PublishContext,
  view: TreeView | undefined,
  touched: TouchedRepository,
): Promise<ComposedDocument | undefined> {
  const { moves, channel, repository } = touched;
  if (view === undefined || moves === undefined) return undefined;
  const name = publishedName(channel, repository);
  try {
    const digest = await view.repositoryDigest(name);
    if (digest === undefined) return undefined;
    const load: LoadDocument = (part) => view.document(part);
    const file = decodeRepositoryFile(await load(digest), `${indexPath(digest)} of ${name}`);
    if (file.name !== name || file.channel !== channel.name) return undefined;
    const edited = editRepository(file, load, context.tree.maxMapEntries);
    return await compose(context, { ...touched, moves }, edited, load);
  } catch (error) {
    if (isLostDocument(error) || isLostRecord(error)) return undefined;
    throw error;
  }
}

async function compose(
  { flow, tree }: PublishContext,
  touched: TouchedRepository & { readonly moves: readonly TagMove[] },
  edited: EditedRepository,
  load: LoadDocument,
): Promise<ComposedDocument | undefined> {
  const { catalog } = flow;
  const { moves, again = new Set<Digest>() } = touched;
  const place = { channel: touched.channel.name, repository: touched.repository };
  if (!(await standsBefore(edited, moves))) return undefined;

  const set = await readContentGraph(
    catalog,
    moves.flatMap(({ to }) => (to === undefined ? [] : rootsOf(to))),
  );
  const left = await leftManifests(catalog, moves, set);
  const untagged = await leftByAll(catalog, place, edited, left);
  const isKnown = (digest: Digest) => set.manifests.has(digest) || left.has(digest);
  const tags = await tagsAfter(catalog, place, moves, isKnown);
  if (untagged === undefined || tags === undefined) return undefined;
  const now = flow.now().getTime();
  const after: Manifests = { set, left, untagged, now: treeTime(now) };
  const referrers = await referrersAfter(catalog, edited, after, again.size > 0);
  if (referrers === undefined) return undefined;

  const formerManifests = await entriesOf(edited.manifests, set.manifests.keys());
  const formerBlobs = await entriesOf(edited.blobs, set.blobs.keys());
  for await (const [, entry] of edited.manifests.read()) {
    if (entry.untagged !== undefined && now - Date.parse(entry.untagged) > tree.keepUntaggedMs)
      return undefined;
  }
  for (const [digest, entry] of untagged) edited.manifests.set(digest, { ...entry, untagged: after.now });
  for (const [subject, list] of referrers) {
    if (list === undefined) edited.referrers.remove(subject);
    else edited.referrers.set(subject, list.digest);
  }
  const [come, gone] = [new Set<string>(), new Set<string>()];
  for (const [tag, digest] of tags) {
    const isThere = (await edited.tags.former(tag)) !== undefined;
    if (digest === undefined) {
      edited.tags.remove(tag);
      if (isThere) gone.add(tag);
    } else {
      edited.tags.set(tag, digest);
      if (!isThere) come.add(tag);
    }
  }

  const lists = [...referrers.values()].filter((list) => list !== undefined);
  const { tagNames } = edited.file;
  const names = again.size > 0 && tagNames !== undefined ? [await documentOf(tagNames, load)] : [];
  return {
    name: edited.file.name,
    contents: [...objectsOf(set)],
    async encode(sinceOf) {
      for (const [digest, { kind, size }] of set.manifests) {
        const since = formerManifests.get(digest)?.since ?? sinceOf(manifestPath(kind, digest));
        edited.manifests.set(digest, { kind, size, since });
      }
      for (const [digest, { size }] of set.blobs)
        edited.blobs.set(digest, formerBlobs.get(digest) ?? { size, since: sinceOf(blobPath(digest)) });
      const { document, parts } = await edited.encode({ come, gone });
      return { document, parts: [...parts, ...names, ...lists] };
    },
  };
}

/** Whether the document has the tags that moved as they were before: so it is not behind by more than these moves. */
async function standsBefore({ tags }: EditedRepository, moves: readonly TagMove[]): Promise<boolean> {
  const are = await Promise.all(moves.map(({ tag }) => tags.former(tag)));
  return moves.every(({ from }, at) => are[at] === from?.digest);
}

/** Manifests that tags have let go, with all that is under them, and that none of those that moved has taken up. */
async function leftManifests(
  catalog: Catalog,
  moves: readonly TagMove[],
  set: ContentGraph,
): Promise<ReadonlyMap<Digest, ManifestRecord>> {
  const roots = moves.flatMap(({ from }) => (from === undefined ? [] : rootsOf(from)));
  const former = await readContentGraph(
    catalog,
    roots.filter((digest) => !set.manifests.has(digest)),
  );
  return new Map([...former.manifests].filter(([digest]) => !set.manifests.has(digest)));
}

/**
 * Those that no other tag reaches, with their entries.
 * @returns undefined when one of all is not in the document as it should be
 */
async function leftByAll(
  catalog: Catalog,
  place: ChannelRepository,
  { manifests }: EditedRepository,
  left: ReadonlyMap<Digest, ManifestRecord>,
): Promise<ReadonlyMap<Digest, ManifestEntry> | undefined> {
  const isTagged = async (digest: Digest) => {
    const entry = await manifests.former(digest);
    return entry !== undefined && entry.untagged === undefined;
  };
  const entries = await entriesOf(manifests, left.keys());
  if (entries.size < left.size || entries.values().some(({ untagged }) => untagged !== undefined))
    return undefined;
  const reached = await stillReached(catalog, place, left, isTagged);
  return new Map([...entries].filter(([digest]) => !reached.has(digest)));
}

/** What becomes of manifests by the moves. */
interface Manifests {
  /** All that is under the tags that moved. */
  readonly set: ContentGraph;
  /** Those that were let go, and of these the ones that no tag reaches now, with their entries. */
  readonly left: ReadonlyMap<Digest, ManifestRecord>;
  readonly untagged: ReadonlyMap<Digest, ManifestEntry>;
  readonly now: string;
}

/**
 * The referrers documents of the subjects whose lists may be others now; with `isAgain` of all that what is set has to do with.
 * @returns a subject's without a document: nothing is listed any more. undefined when the map of a document is split, and
 * loses entries
 */
async function referrersAfter(
  { manifests }: Pick<Catalog, 'manifests'>,
  edited: EditedRepository,
  after: Manifests,
  isAgain: boolean,
): Promise<ReadonlyMap<Digest, EncodedDocument | undefined> | undefined> {
  const documents = new Map<Digest, EncodedDocument | undefined>();
  const subjects = await subjectsOf(edited, after, isAgain);
  await forEachConcurrently(subjects, LISTS_AT_ONCE, async (subject) => {
    const naming: Digest[] = [];
    for await (const { digest, as } of allPages((page) => manifests.naming(subject, page)))
      if (as === 'subject') naming.push(digest);
    const former = await edited.referrers.former(subject);
    if (naming.length === 0 && former === undefined) return;
    const entries = await entriesAfter(edited, after, [subject, ...naming]);
    const records = (await manifests.getAll(naming)).values();
    const listed = [...records].filter((record) => isListed(record, (digest) => entries.get(digest)));
    if (listed.length > 0) documents.set(subject, encodeReferrers(listed));
    else if (former !== undefined) documents.set(subject, undefined);
  });
  const isFewer = documents.values().some((document) => document === undefined);
  return isFewer && edited.file.referrers.parts !== undefined ? undefined : documents;
}

/** Of manifests that a tag reaches now, or none any more: these, as they may be subjects, and what they refer to. */
async function subjectsOf(
  { manifests }: EditedRepository,
  { set, left, untagged }: Manifests,
  isAgain: boolean,
): Promise<ReadonlySet<Digest>> {
  const former = await entriesOf(manifests, set.manifests.keys());
  const isTagged = (digest: Digest) => {
    const entry = former.get(digest);
    return entry !== undefined && entry.untagged === undefined;
  };
  const subjects = new Set<Digest>();
  const come = set.manifests.values().filter(({ digest }) => isAgain || !isTagged(digest));
  const gone = left.values().filter(({ digest }) => untagged.has(digest));
  for (const { digest, subject } of [...come, ...gone]) {
    subjects.add(digest);
    if (subject !== undefined) subjects.add(subject);
  }
  return subjects;
}

/** What the document has of some manifests then. */
async function entriesAfter(
  { manifests }: EditedRepository,
  { set, untagged, now }: Manifests,
  digests: readonly Digest[],
): Promise<Map<Digest, Pick<ManifestEntry, 'untagged'>>> {
  const entries = new Map<Digest, Pick<ManifestEntry, 'untagged'>>(await entriesOf(manifests, digests));
  for (const digest of digests) {
    if (set.manifests.has(digest)) entries.set(digest, {});
    else if (untagged.has(digest)) entries.set(digest, { untagged: now });
  }
  return entries;
}

/** What a map of the document has of some keys. */
async function entriesOf<V>(
  map: { former(key: Digest): Promise<V | undefined> },
  keys: Iterable<Digest>,
): Promise<Map<Digest, V>> {
  const found = await Promise.all(
    [...keys].map(async (key): Promise<[Digest, V | undefined]> => [key, await map.former(key)]),
  );
  return new Map(found.filter((one): one is [Digest, V] => one[1] !== undefined));
}

async function documentOf(digest: Digest, load: LoadDocument): Promise<EncodedDocument> {
  return { digest, path: indexPath(digest), bytes: await load(digest) };
}

/** Whether it says that the catalog has no record of a manifest: it is not whole in the store, or not there. */
export function isLostRecord(error: unknown): boolean {
  return error instanceof Fault && error.code === 'MANIFEST_BLOB_UNKNOWN';
}
