import type { ManifestRecord } from '@gantry/catalog';
import type { Digest } from '@gantry/oci';
import type { TreeView } from '@gantry/tree';
import { readContentGraph } from '../content-graph.ts';
import { rootsOf } from '../promote/plan-totals.ts';
import { documentAfter, type PurgedContent } from '../take-back/purged-content.ts';
import type { TouchedRepository } from './apply-promotions.ts';
import { type ComposedRepository, composeRepository } from './compose-repository.ts';
import { type PublishContext, publishedName } from './published-tree.ts';
import { standingRecords } from './standing-records.ts';

/** Composes a repository from all that its channel and its document in the tree have. */
export async function composeWhole(
  { flow, tree }: PublishContext,
  view: TreeView | undefined,
  { channel, repository }: TouchedRepository,
  purged?: PurgedContent,
): Promise<ComposedRepository> {
  const name = publishedName(channel, repository);
  const standing = await view?.repository(name);
  const former = standing && purged !== undefined ? documentAfter(standing, purged) : standing;
  const manifests = standingRecords(flow.catalog.manifests, tree.target.source, former);
  const tags = await flow.catalog.channels.tagsOf(channel.name, repository);
  // What limits one image does not limit a repository of many.
  const graph = await readContentGraph({ manifests }, tags.flatMap(rootsOf), Number.POSITIVE_INFINITY);
  const gone = [...(former?.manifests.keys() ?? [])].filter((digest) => !graph.manifests.has(digest));
  const formerRecords: ReadonlyMap<Digest, ManifestRecord> = await manifests.getAll(gone);
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
