import type { Catalog } from '@gantry/catalog';
import type { Digest } from '@gantry/oci';
import {
  type EncodedDocument,
  type EncodedRepository,
  encodeRoot,
  encodeShard,
  shardOf,
  type TreeView,
} from '@gantry/tree';
import { forEachConcurrently } from '../concurrency.ts';
import { readContentGraph } from '../content-graph.ts';
import { cleanDocument } from '../take-back/clean-documents.ts';
import type { PurgedContent } from '../take-back/purged-content.ts';
import type { TouchedRepository } from './apply-promotions.ts';
import { composeMoves } from './compose-moves.ts';
import { type ComposedDocument, objectsOf, type PoolContent, wholeDocument } from './compose-repository.ts';
import { composeWhole } from './compose-whole.ts';
import type { PublishContext } from './published-tree.ts';

const COMPOSED_AT_ONCE = 8;

/** What a publication brings: its root, and what has to be there for it. */
export interface TreeChange {
  readonly root: Digest;
  /** Whether it is another than before. */
  readonly changed: boolean;
  /** Objects that the change sets, or all of the repositories that are composed as a whole; each once. */
  readonly contents: readonly PoolContent[];
  /** Those of them that are not in the pool yet. */
  readonly newContents: readonly PoolContent[];
  /** Paths of those of them that are in the tree, and may be missing there: of what is promoted once more. */
  readonly again: ReadonlySet<string>;
  /** Root, shards, and of repositories, their parts and referrers documents all that may be new; each once. */
  readonly documents: readonly EncodedDocument[];
  /** Those of them that are not in the pool yet. */
  readonly newDocuments: readonly EncodedDocument[];
  /** Paths of contents and documents that are in the pool, and are condemned there: something names them again. */
  readonly condemnedNamed: readonly string[];
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
  request: ChangeRequest,
  serial: number,
): Promise<TreeChange> {
  const { flow, tree } = context;
  const { view, touched } = request;
  const composed = await composeAll(context, request);
  const contents = new Map<string, PoolContent>();
  for (const one of composed) for (const object of one.contents) contents.set(object.path, object);
  const pool = await flow.catalog.pool.getAll(tree.name, [...contents.keys()]);
  const sinceOf = (path: string) => pool.get(path)?.since ?? serial;

  const encoded = new Map<string, EncodedRepository | undefined>();
  const documents = new Map<string, EncodedDocument>();
  for (const one of composed) {
    const repository = await one.encode(sinceOf);
    encoded.set(one.name, repository);
    if (repository === undefined) continue;
    for (const document of [repository.document, ...repository.parts]) documents.set(document.path, document);
  }
  const above = await encodeAbove(view, encoded);
  for (const document of above.documents) documents.set(document.path, document);

  const standing = await flow.catalog.pool.getAll(tree.name, [...documents.keys()]);
  const isNew = ({ path }: { readonly path: string }) => !pool.has(path) && !standing.has(path);
  return {
    root: above.root,
    changed: view === undefined ? above.hasMoved : above.root !== view.statement.root,
    contents: [...contents.values()],
    again: await pathsAgain(flow.catalog, touched),
    newContents: [...contents.values()].filter(isNew),
    documents: [...documents.values()],
    newDocuments: [...documents.values()].filter(isNew),
    condemnedNamed: [...pool.values(), ...standing.values()]
      .filter(({ condemned }) => condemned !== undefined)
      .map(({ path }) => path),
  };
}

/** A purge may change more than what became of tags: then, too, all is looked at. */
async function composeAll(
  context: PublishContext,
  { view, touched, purged, leftOver }: ChangeRequest,
): Promise<ComposedDocument[]> {
  const { maxMapEntries } = context.tree;
  const composed: ComposedDocument[] = [];
  await forEachConcurrently(touched, COMPOSED_AT_ONCE, async (one) => {
    const moved = purged === undefined ? await composeMoves(context, view, one) : undefined;
    composed.push(moved ?? wholeDocument(await composeWhole(context, view, one, purged), maxMapEntries));
  });
  await forEachConcurrently(leftOver, COMPOSED_AT_ONCE, async (name) => {
    if (view === undefined || purged === undefined) return;
    const { document, referrers } = await cleanDocument(view, name, purged);
    composed.push(wholeDocument({ ...document, referrersDocuments: referrers }, maxMapEntries));
  });
  return composed;
}

/** The shards of repositories that have changed, and the root. */
async function encodeAbove(
  view: TreeView | undefined,
  encoded: ReadonlyMap<string, EncodedRepository | undefined>,
): Promise<{
  readonly root: Digest;
  readonly hasMoved: boolean;
  readonly documents: readonly EncodedDocument[];
}> {
  const documents: EncodedDocument[] = [];
  const shards = new Map(view?.shards);
  let hasMoved = false;
  const byShard = Map.groupBy(encoded, ([name]) => shardOf(name));
  await forEachConcurrently(byShard, COMPOSED_AT_ONCE, async ([key, inShard]) => {
    const repositories = new Map((await view?.shard(key))?.repositories);
    for (const [name, repository] of inShard) {
      const digest = repository?.document.digest;
      hasMoved ||= repositories.get(name) !== digest;
      if (digest === undefined) repositories.delete(name);
      else repositories.set(name, digest);
    }
    if (repositories.size === 0) {
      shards.delete(key);
      return;
    }
    const shard = encodeShard({ repositories });
    documents.push(shard);
    shards.set(key, shard.digest);
  });
  const root = encodeRoot({ shards });
  return { root: root.digest, hasMoved, documents: [...documents, root] };
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
