import type { ChannelTag, Lease } from '@gantry/catalog';
import { forEachConcurrently } from '@gantry/oci';
import type { Flow } from '../context.ts';
import { allPages } from './all-pages.ts';
import { type OwnTree, ownsChannel } from '../publish/trees.ts';
import { type PurgedContent, tagAfter } from './purged-content.ts';

const REPOSITORIES_AT_ONCE = 16;

/** The tags of all channels, also of those that are not configured any more, that hold what a purge takes away. */
export async function tagsHolding(
  { catalog }: Pick<Flow, 'catalog'>,
  { digest, manifests }: PurgedContent,
): Promise<ChannelTag[]> {
  const found = new Map<string, ChannelTag>();
  await forEachConcurrently(new Set([digest, ...manifests]), REPOSITORIES_AT_ONCE, async (one) => {
    for await (const tag of allPages((page) => catalog.channels.holding(one, page)))
      found.set(`${tag.channel} ${tag.repository}:${tag.tag}`, tag);
  });
  return [...found.values()];
}

/**
 * Takes what a purge takes away out of a tree's channels: tags go, and tags of which it is but a signature or the like lose
 * that. Doing it again changes nothing.
 * @param lease of the tree's publisher, without which nobody writes channels
 * @returns the repositories that were touched
 * @throws Fault LEASE_LOST
 */
export async function cleanChannels(
  flow: Pick<Flow, 'catalog'>,
  tree: OwnTree,
  content: PurgedContent,
  lease: Pick<Lease, 'name' | 'fence'>,
): Promise<{ channel: string; repository: string }[]> {
  const tags = (await tagsHolding(flow, content)).filter(({ channel }) => ownsChannel(tree, channel));
  const touched = [...Map.groupBy(tags, ({ channel, repository }) => `${channel} ${repository}`).values()];
  await forEachConcurrently(touched, REPOSITORIES_AT_ONCE, async (ofOne) => {
    const { channel, repository } = ofOne[0] as ChannelTag;
    const after = ofOne.map((tag) => ({ name: tag.tag, set: tagAfter(tag, content) }));
    const set = after.flatMap((tag) => tag.set ?? []);
    const removed = after.filter((tag) => tag.set === undefined).map(({ name }) => name);
    await flow.catalog.channels.apply(channel, repository, set, removed, lease);
  });
  return touched.map(([first]) => {
    const { channel, repository } = first as ChannelTag;
    return { channel, repository };
  });
}
