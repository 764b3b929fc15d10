import type { Catalog, ManifestRecord } from '@gantry/catalog';
import { type Digest, Fault } from '@gantry/oci';
import {
  blobPath,
  decodeReferrers,
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
import type { TagMove, TouchedRepository } from './apply-promotions.ts';
import { type ComposedDocument, objectsOf } from './compose-repository.ts';
import { isLostDocument } from './mendable-view.ts';
import { type PublishContext, publishedName } from './published-tree.ts';
import { tagsAfter } from './published-tags.ts';
import { type ChannelRepository, stillReached } from './tags-reaching.ts';

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
  const referrers = await referrersAfter(catalog, edited, load, set, again.size > 0);
  if (untagged === undefined || tags === undefined || referrers === undefined) return undefined;

  const now = flow.now().getTime();
  const formerManifests = await entriesOf(edited.manifests, set.manifests.keys());
  const formerBlobs = await entriesOf(edited.blobs, set.blobs.keys());
  for await (const [, entry] of edited.manifests.read()) {
    if (entry.untagged !== undefined && now - Date.parse(entry.untagged) > tree.keepUntaggedMs)
      return undefined;
  }
  for (const [digest, entry] of untagged) edited.manifests.set(digest, { ...entry, untagged: treeTime(now) });
  for (const [subject, list] of referrers) edited.referrers.set(subject, list.digest);
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
      return { document, parts: [...parts, ...names, ...referrers.values()] };
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

/**
 * The referrers documents of the subjects that get more referrers; with `isAgain` of all that what is set refers to.
 * @returns undefined when the catalog does not know all that stand in one
 */
async function referrersAfter(
  { manifests }: Pick<Catalog, 'manifests'>,
  edited: EditedRepository,
  load: LoadDocument,
  set: ContentGraph,
  isAgain: boolean,
): Promise<ReadonlyMap<Digest, EncodedDocument> | undefined> {
  const bySubject = new Map<Digest, ManifestRecord[]>();
  for (const record of set.manifests.values()) {
    if (record.subject === undefined) continue;
    if (isAgain || (await edited.manifests.former(record.digest)) === undefined)
      bySubject.getOrInsertComputed(record.subject, () => []).push(record);
  }
  const documents = new Map<Digest, EncodedDocument>();
  for (const [subject, records] of bySubject) {
    const former = await edited.referrers.former(subject);
    const listed = former === undefined ? [] : decodeReferrers(await load(former));
    const known = await manifests.getAll(listed.map(({ digest }) => digest));
    if (known.size < listed.length) return undefined;
    for (const record of records) known.set(record.digest, record);
    documents.set(subject, encodeReferrers([...known.values()]));
  }
  return documents;
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

function isLostRecord(error: unknown): boolean {
  return error instanceof Fault && error.code === 'MANIFEST_BLOB_UNKNOWN';
}
