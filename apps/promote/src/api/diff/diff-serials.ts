import type { Page, PageRequest } from '@gantry/catalog';
import { Fault } from '@gantry/oci';
import { isLostDocument } from '@gantry/pipeline';
import { diffTrees, MAX_SERIAL, openTree, shardOf, type TreeSource, type TreeView } from '@gantry/tree';
import { z } from 'zod';
import { cursorsOf } from '../cursor.ts';
import type { Difference } from '../views/difference.ts';

/** The repository and tag that a page ended with. */
const cursors = cursorsOf('diff-serials', z.tuple([z.string(), z.string()]));

/**
 * A page of the tags that differ between two serials, in the tree's order: by shard, repository, tag.
 * @throws Fault PUBLICATION_UNKNOWN; CONFLICT when one of them is not whole any more; REQUEST_INVALID for a cursor of
 *   another list
 */
export async function diffSerials(
  tree: TreeSource,
  from: number,
  to: number,
  { limit, cursor }: PageRequest,
): Promise<Page<Difference>> {
  const after = cursor === undefined ? undefined : cursors.decode(cursor);
  try {
    return await pageAfter(after, tree, from, to, limit);
  } catch (error) {
    if (!isLostDocument(error)) throw error;
    throw new Fault(
      'CONFLICT',
      `the serials ${from} and ${to} can not be compared, as one of them is not whole: older ones are kept as tree.keepSnapshots and tree.keepSnapshotsFor say; ${error.message}`,
      { from, to },
    );
  }
}

async function pageAfter(
  after: readonly [string, string] | undefined,
  tree: TreeSource,
  from: number,
  to: number,
  limit: number,
): Promise<Page<Difference>> {
  const firstShard = after === undefined ? '' : shardOf(after[0]);
  const views = await Promise.all([openSerial(tree, from), openSerial(tree, to)]);
  const [before, now] = views.map((view) => fromShard(view, firstShard)) as [TreeView, TreeView];
  const items: Difference[] = [];
  for await (const { repository, tag, ...digests } of diffTrees(before, now)) {
    if (after !== undefined && shardOf(repository) === firstShard && !isAfter(repository, tag, after))
      continue;
    const last = items.at(-1);
    if (items.length === limit && last !== undefined)
      return { items, next: cursors.encode([last.repository, last.tag]) };
    items.push({ repository, tag, from: digests.from ?? null, to: digests.to ?? null });
  }
  return { items, next: null };
}

async function openSerial(tree: TreeSource, serial: number): Promise<TreeView> {
  const view = serial > MAX_SERIAL ? undefined : await openTree(tree, { serial });
  if (view !== undefined) return view;
  throw new Fault('PUBLICATION_UNKNOWN', `there is no publication ${serial}`, { serial });
}

/** The view without the shards before that one. */
function fromShard(view: TreeView, first: string): TreeView {
  return {
    statement: view.statement,
    digest: view.digest,
    shards: new Map([...view.shards].filter(([shard]) => shard >= first)),
    shard: (key) => view.shard(key),
    repository: (name) => view.repository(name),
    repositoryDigest: (name) => view.repositoryDigest(name),
    repositories: () => view.repositories(),
    document: (digest) => view.document(digest),
  };
}

function isAfter(repository: string, tag: string, after: readonly [string, string]): boolean {
  return repository === after[0] ? tag > after[1] : repository > after[0];
}
