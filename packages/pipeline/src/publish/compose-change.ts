import type { Catalog, ManifestRecord } from '@gantry/catalog';
import type { Digest } from '@gantry/oci';
import {
  blobPath,
  type EncodedDocument,
  encodeRepository,
  encodeRoot,
  encodeShard,
  manifestPath,
  type RepositoryDocument,
  shardOf,
  type TreeView,
} from '@gantry/tree';
import { forEachConcurrently } from '../concurrency.ts';
import { readContentGraph } from '../content-graph.ts';
import { cleanDocument } from '../take-back/clean-documents.ts';
import { documentAfter, type PurgedContent } from '../take-back/purged-content.ts';
import type { TouchedRepository } from './apply-promotions.ts';
import {
  type ComposedRepository,
  composeRepository,
  objectsOf,
  type PoolContent,
} from './compose-repository.ts';
import { type PublishContext, publishedName } from './published-tree.ts';

const COMPOSED_AT_ONCE = 8;

/** What a publication brings: its root, and what has to be there for it. */
export interface TreeChange {
  readonly root: Digest;
  /** Whether it is another than before. */
  readonly changed: boolean;
  /** Objects of the touched repositories, each once. */
  readonly contents: readonly PoolContent[];
  /** Those of them that are not in the pool yet. */
  readonly newContents: readonly PoolContent[];
  /** Paths of those of them that are in the tree, and may be missing there: of what is promoted once more. */
  readonly again: ReadonlySet<string>;
  /** Root, shards, repositories with their parts, and referrers documents, each once. */
  readonly documents: readonly EncodedDocument[];
}

/** What is to be composed anew. */
export interface ChangeRequest {
  /** The tree as it stands; undefined before the first publication. */
  readonly view: TreeView | undefined;
  readonly touched: readonly TouchedRepository[];
  /** What no document may name any more. */
  readonly purged?: PurgedContent;
  /** Published names whose documents stay, but for what is purged. */
  readonly leftOver: readonly string[];
}

/** Composes the documents of the touched repositories, and the shards and the root above them, as of `serial`. */
export async function composeChange(
  context: PublishContext,
  { view, touched, purged, leftOver }: ChangeRequest,
  serial: number,
): Promise<TreeChange> {
  const { flow, tree } = context;
  const composed: ComposedRepository[] = [];
  await forEachConcurrently(touched, COMPOSED_AT_ONCE, async (one) => {
    composed.push(await compose(context, view, one, purged));
  });
  await forEachConcurrently(leftOver, COMPOSED_AT_ONCE, async (name) => {
    if (view === undefined || purged === undefined) return;
    const { document, referrers } = await cleanDocument(view, name, purged);
    composed.push({ ...document, referrersDocuments: referrers });
  });

  const contents = new Map<string, PoolContent>();
  for (const repository of composed)
    for (const object of objectsOf(repository)) contents.set(object.path, object);
  const pool = await flow.catalog.pool.getAll(tree.name, [...contents.keys()]);
  const sinceOf = (path: string) => pool.get(path)?.since ?? serial;

  const documents = new Map<Digest, EncodedDocument>();
  const add = (document: EncodedDocument) => documents.set(document.digest, document);
  const moved = new Map<string, Digest | undefined>();
  for (const repository of composed) {
    if (repository.manifests.size === 0) {
      if ((await view?.repositoryDigest(repository.name)) !== undefined)
        moved.set(repository.name, undefined);
      continue;
    }
    const { document, parts } = encodeRepository(fillIn(repository, sinceOf));
    if ((await view?.repositoryDigest(repository.name)) !== document.digest)
      moved.set(repository.name, document.digest);
    for (const one of [document, ...parts, ...repository.referrersDocuments]) add(one);
  }

  const shards = new Map(view?.shards);
  for (const [key, inShard] of Map.groupBy(composed, ({ name }) => shardOf(name))) {
    const repositories = new Map((await view?.shard(key))?.repositories);
    for (const { name } of inShard) {
      if (!moved.has(name)) continue;
      const digest = moved.get(name);
      if (digest === undefined) repositories.delete(name);
      else repositories.set(name, digest);
    }
    if (repositories.size === 0) shards.delete(key);
    else {
      const shard = encodeShard({ repositories });
      add(shard);
      shards.set(key, shard.digest);
    }
  }
  const root = encodeRoot({ shards });
  add(root);
  return {
    root: root.digest,
    changed: view === undefined ? moved.size > 0 : root.digest !== view.statement.root,
    contents: [...contents.values()],
    again: await pathsAgain(flow.catalog, touched),
    newContents: [...contents.values()].filter(({ path }) => !pool.has(path)),
    documents: [...documents.values()],
  };
}

async function pathsAgain(
  catalog: Catalog,
  touched: readonly TouchedRepository[],
): Promise<ReadonlySet<string>> {
  const paths = new Set<string>();
  for (const { again } of touched) {
    if (again === undefined || again.size === 0) continue;
    for (const { path } of objectsOf(await readContentGraph(catalog, again))) paths.add(path);
  }
  return paths;
}

async function compose(
  { flow, tree }: PublishContext,
  view: TreeView | undefined,
  { channel, repository }: TouchedRepository,
  purged: PurgedContent | undefined,
): Promise<ComposedRepository> {
  const name = publishedName(channel, repository);
  const tags = await flow.catalog.channels.tagsOf(channel.name, repository);
  const roots = tags.flatMap((tag) => [
    tag.digest,
    ...tag.companions.map(({ digest }) => digest),
    ...tag.referrers,
  ]);
  const graph = await readContentGraph(flow.catalog, roots);
  const standing = await view?.repository(name);
  const former = standing && purged !== undefined ? documentAfter(standing, purged) : standing;
  const gone = [...(former?.manifests.keys() ?? [])].filter((digest) => !graph.manifests.has(digest));
  const formerRecords: ReadonlyMap<Digest, ManifestRecord> = await flow.catalog.manifests.getAll(gone);
  return composeRepository({
    name,
    channel: channel.name,
    tags,
    graph,
    former,
    formerRecords,
    keepUntaggedMs: tree.keepUntaggedMs,
    now: flow.now(),
  });
}

function fillIn(repository: ComposedRepository, sinceOf: (path: string) => number): RepositoryDocument {
  const { name, channel, tags, referrers } = repository;
  const manifests = new Map(
    repository.manifests
      .entries()
      .map(([digest, entry]) => [digest, { ...entry, since: sinceOf(manifestPath(entry.kind, digest)) }]),
  );
  const blobs = new Map(
    repository.blobs
      .entries()
      .map(([digest, entry]) => [digest, { ...entry, since: sinceOf(blobPath(digest)) }]),
  );
  return { name, channel, tags, manifests, blobs, referrers };
}
