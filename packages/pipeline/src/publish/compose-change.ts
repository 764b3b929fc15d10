import { type Digest, forEachConcurrently } from '@gantry/oci';
import { type EncodedDocument, encodeRoot, encodeShard, shardOf, type TreeView } from '@gantry/tree';
import { cleanDocument } from '../take-back/clean-documents.ts';
import type { PurgedContent } from '../take-back/purged-content.ts';
import type { TouchedRepository } from './apply-promotions.ts';
import { composeMoves } from './compose-moves.ts';
import { type ComposedDocument, type PoolContent, wholeDocument } from './compose-repository.ts';
import { composeWhole } from './compose-whole.ts';
import type { PublishContext } from './published-tree.ts';

const COMPOSED_AT_ONCE = 8;
/** From how many objects on what is composed is put before more is. */
const OBJECTS_A_PART = 20_000;
/** A repository counts as so many objects at the least: also one of few has a document. */
const OBJECTS_A_REPOSITORY = 100;

/** A part of what has to be there for a change: of some repositories, and with the last of them what is above all. */
export interface ChangePart {
  /** Objects that the change sets, or all of the repositories that are composed as a whole; each once. */
  readonly contents: readonly PoolContent[];
  /** Those of them that are not in the pool yet. */
  readonly newContents: readonly PoolContent[];
  /** Of repositories, their parts and referrers documents all that may be new, with the shards and the root; each once. */
  readonly documents: readonly EncodedDocument[];
  /** Those of them that are not in the pool yet. */
  readonly newDocuments: readonly EncodedDocument[];
  /** Paths of contents and documents that are in the pool, and are condemned there: something names them again. */
  readonly condemnedNamed: readonly string[];
  /** Whether it is the one with the shards and the root. */
  readonly isLast: boolean;
}

/** What a publication brings. */
export interface TreeChange {
  readonly root: Digest;
  /** Whether it is another than before. */
  readonly changed: boolean;
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

/**
 * Composes the documents of the touched repositories, and the shards and the root above them, as of `serial`. Part after
 * part, so that one is held at a time, however many repositories there are: most publications are of one.
 * @param put is done with a part before the next one is composed
 */
export async function composeChange(
  context: PublishContext,
  request: ChangeRequest,
  serial: number,
  put: (part: ChangePart) => Promise<void>,
): Promise<TreeChange> {
  const { view } = request;
  const composing = composingOf(context, request);
  const digests = new Map<string, Digest | undefined>();
  for (;;) {
    const root = await composePart(context, view, composing, digests, serial, put);
    if (root === undefined) continue;
    return {
      root: root.digest,
      changed: view === undefined ? root.hasMoved : root.digest !== view.statement.root,
    };
  }
}

/**
 * Composes one part, and has it put. A function of its own, so that nothing of the part is left when it returns.
 * @param digests of the documents by published name, which those of the part are added to; undefined: it goes
 * @returns the root, once nothing is left to be composed
 */
async function composePart(
  { flow, tree }: PublishContext,
  view: TreeView | undefined,
  composing: Iterator<Compose>,
  digests: Map<string, Digest | undefined>,
  serial: number,
  put: (part: ChangePart) => Promise<void>,
): Promise<{ readonly digest: Digest; readonly hasMoved: boolean } | undefined> {
  const { composed, isLast } = await composeSome(composing, tree.maxPartObjects);
  const contents = new Map<string, PoolContent>();
  for (const one of composed) for (const object of one.contents) contents.set(object.path, object);
  const pool = await flow.catalog.pool.getAll(tree.name, [...contents.keys()]);
  const sinceOf = (path: string) => pool.get(path)?.since ?? serial;

  const documents = new Map<string, EncodedDocument>();
  for (const one of composed) {
    const repository = await one.encode(sinceOf);
    digests.set(one.name, repository?.document.digest);
    if (repository === undefined) continue;
    for (const document of [repository.document, ...repository.parts]) documents.set(document.path, document);
  }
  const above = isLast ? await encodeAbove(view, digests) : undefined;
  for (const document of above?.documents ?? []) documents.set(document.path, document);

  const standing = await flow.catalog.pool.getAll(tree.name, [...documents.keys()]);
  const isNew = ({ path }: { readonly path: string }) => !pool.has(path) && !standing.has(path);
  await put({
    contents: [...contents.values()],
    newContents: [...contents.values()].filter(isNew),
    documents: [...documents.values()],
    newDocuments: [...documents.values()].filter(isNew),
    condemnedNamed: [...pool.values(), ...standing.values()]
      .filter(({ condemned }) => condemned !== undefined)
      .map(({ path }) => path),
    isLast,
  });
  return above && { digest: above.root, hasMoved: above.hasMoved };
}

/** Composes one repository. */
type Compose = () => Promise<ComposedDocument>;

/** A purge may change more than what became of tags: then, too, all is looked at. */
function* composingOf(
  context: PublishContext,
  { view, touched, purged, leftOver }: ChangeRequest,
): Generator<Compose, undefined> {
  const { maxMapEntries } = context.tree;
  for (const one of touched)
    yield async () => {
      const moved = purged === undefined ? await composeMoves(context, view, one) : undefined;
      return moved ?? wholeDocument(await composeWhole(context, view, one, purged), maxMapEntries);
    };
  if (view === undefined || purged === undefined) return;
  for (const name of leftOver)
    yield async () => {
      const { document, referrers } = await cleanDocument(view, name, purged);
      return wholeDocument({ ...document, referrersDocuments: referrers }, maxMapEntries);
    };
}

/** Composes as much as makes one part. @returns also whether nothing is left */
async function composeSome(
  composing: Iterator<Compose, undefined>,
  maxObjects = OBJECTS_A_PART,
): Promise<{ readonly composed: readonly ComposedDocument[]; readonly isLast: boolean }> {
  const composed: ComposedDocument[] = [];
  let objects = 0;
  let isLast = false;
  const isEnough = () => objects >= maxObjects;
  function* whileThereIsRoom() {
    while (!isEnough()) {
      const next = composing.next();
      if (next.done === true) {
        isLast = true;
        return;
      }
      yield next.value;
    }
  }
  await forEachConcurrently(whileThereIsRoom(), COMPOSED_AT_ONCE, async (compose) => {
    const one = await compose();
    composed.push(one);
    objects += Math.max(one.contents.length, OBJECTS_A_REPOSITORY);
  });
  return { composed, isLast };
}

/** The shards of repositories that have changed, and the root. */
async function encodeAbove(
  view: TreeView | undefined,
  digests: ReadonlyMap<string, Digest | undefined>,
): Promise<{
  readonly root: Digest;
  readonly hasMoved: boolean;
  readonly documents: readonly EncodedDocument[];
}> {
  const documents: EncodedDocument[] = [];
  const shards = new Map(view?.shards);
  let hasMoved = false;
  const byShard = Map.groupBy(digests, ([name]) => shardOf(name));
  await forEachConcurrently(byShard, COMPOSED_AT_ONCE, async ([key, inShard]) => {
    const repositories = new Map((await view?.shard(key))?.repositories);
    for (const [name, digest] of inShard) {
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
