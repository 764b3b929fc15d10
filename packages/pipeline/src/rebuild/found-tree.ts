import {
  blobPath,
  manifestPath,
  openTree,
  type StatedSerial,
  type RepositoryDocument,
  type Statement,
  type TreeView,
} from '@gantry/tree';
import type { PublishedTree } from '../publish/published-tree.ts';
import type { ContentPlace } from './content-place.ts';
import { ManifestRecords } from './manifest-records.ts';
import { newestStatement, statementsUpTo } from './tree-history.ts';

/** A tree that a catalog is remade from. */
export type RebuildTree = Pick<PublishedTree, 'name' | 'target' | 'channels' | 'others'>;

/** A tree as it is found. */
export interface FoundTree {
  readonly tree: RebuildTree;
  readonly content: ContentPlace;
  readonly records: ManifestRecords;
  /** Undefined for a tree that nothing was published to. */
  readonly newest: StatedSerial | undefined;
  readonly serial: number | null;
  readonly view: TreeView | undefined;
  /** Statements up to the newest, the oldest first. */
  readonly chain: readonly Statement[];
  /** The serial since when an object is in the pool, by its path, as far as documents have told it. */
  readonly sinces: ReadonlyMap<string, number>;
  /** Takes what a document tells of that. */
  noteSinces(document: RepositoryDocument): void;
}

/** @param onProblem told of what is not as it should be */
export async function findTreeState(
  tree: RebuildTree,
  content: ContentPlace,
  onProblem: (why: string) => void,
): Promise<FoundTree> {
  const { source } = tree.target;
  const newest = await newestStatement(source, await tree.target.highestSerial());
  const serial = newest?.statement.serial;
  const view =
    serial === undefined ? undefined : ((await openTree(source, { serial })) ?? (await openTree(source)));
  const sinces = new Map<string, number>();
  return {
    tree,
    content,
    records: new ManifestRecords(content),
    newest,
    serial: serial ?? null,
    view,
    chain: newest === undefined ? [] : await statementsUpTo(source, newest.statement, onProblem),
    sinces,
    noteSinces({ manifests, blobs }) {
      for (const [digest, { kind, since }] of manifests) sinces.set(manifestPath(kind, digest), since);
      for (const [digest, { since }] of blobs) sinces.set(blobPath(digest), since);
    },
  };
}
