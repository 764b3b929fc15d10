import type { Promotion, PromotionItem } from '@gantry/catalog';
import { type Digest, Fault, subjectOfCompanionTag } from '@gantry/oci';
import { diffTrees, openTree, type RepositoryDocument, type TreeSource } from '@gantry/tree';
import type { Channel, Flow } from '../context.ts';
import type { PublishedTree } from '../publish/published-tree.ts';
import { findTree, inTreeOf, treeOf } from '../publish/trees.ts';
import { refusePurgedItems } from '../take-back/leave-out-purged.ts';
import { acceptOnce } from './accept.ts';
import { findChannel, type Requester } from './request.ts';

/** What to put back; all channels of the tree and all repositories where they are absent. */
export interface RollbackRequest {
  readonly serial: number;
  /** Its name; absent: that of the channel, without one the main tree. */
  readonly tree?: string;
  readonly channel?: string;
  /** Published names. */
  readonly repositories?: readonly string[];
  readonly reason?: string;
}

/**
 * Accepts a rollback: a promotion of the tags as they stood at a serial. The channels themselves go back, so the next
 * publication does not undo it; what is published by it is a new serial. It is done whole or not at all, but for what was
 * purged since: such a tag stays as it is.
 * @throws Fault PUBLICATION_UNKNOWN, CHANNEL_UNKNOWN, TREE_UNKNOWN, REQUEST_UNPROCESSABLE, IDEMPOTENCY_KEY_REUSED; CONFLICT when nothing would change
 */
export async function acceptRollback(
  flow: Flow,
  trees: readonly PublishedTree[],
  request: RollbackRequest,
  requester: Requester,
): Promise<{ promotion: Promotion; created: boolean }> {
  const { tree, channels } = whatGoesBack(trees, request);
  return acceptOnce(flow, { rollback: request }, requester, async () => {
    const items = await refusePurgedItems(
      flow,
      await findChanges(flow, channels, tree.target.source, request),
    );
    return {
      kind: 'rollback',
      to: request.channel ?? '*',
      ...inTreeOf({ tree: tree.name }),
      atomic: items.every(({ state }) => state === 'accepted'),
      items,
      ...(request.reason === undefined ? {} : { reason: request.reason }),
    };
  });
}

/** The tree that the serial is of, and its channels that are to go back. */
function whatGoesBack(
  trees: readonly PublishedTree[],
  { tree: name, channel: asked }: RollbackRequest,
): { readonly tree: PublishedTree; readonly channels: readonly Channel[] } {
  const all = trees.flatMap(({ channels }) => channels);
  const channel = asked === undefined ? undefined : findChannel(asked, all);
  const tree = findTree(name ?? treeOf(channel ?? {}), trees);
  if (channel === undefined) return { tree, channels: tree.channels.filter(({ publish }) => publish) };
  if (channel.publish && treeOf(channel) === tree.name) return { tree, channels: [channel] };
  throw new Fault(
    'REQUEST_UNPROCESSABLE',
    channel.publish
      ? `the channel ${channel.name} stands in the tree ${treeOf(channel)}, not in ${tree.name}: no serial of ${tree.name} says how it stood`
      : `the channel ${channel.name} is kept out of every tree: no serial says how it stood`,
    { channel: channel.name, tree: tree.name },
  );
}

async function findChanges(
  flow: Flow,
  channels: readonly Channel[],
  tree: TreeSource,
  request: RollbackRequest,
): Promise<PromotionItem[]> {
  const [then, now] = [await openTree(tree, { serial: request.serial }), await openTree(tree)];
  if (then === undefined || now === undefined) {
    throw new Fault('PUBLICATION_UNKNOWN', `there is no publication ${request.serial}`, {
      serial: request.serial,
    });
  }
  const names = new Set<string>();
  for await (const { repository } of diffTrees(now, then)) names.add(repository);
  const items: PromotionItem[] = [];
  for (const name of names) {
    const [old, current] = [await then.repository(name), await now.repository(name)];
    const channel = channels.find((one) => one.name === (old ?? current)?.channel);
    if (channel === undefined || !name.startsWith(channel.prefix)) continue;
    const repository = name.slice(channel.prefix.length);
    if (request.repositories !== undefined && !request.repositories.includes(repository)) continue;
    items.push(...(await toItems(flow, channel, repository, old, request.serial)));
  }
  if (items.length === 0) {
    throw new Fault(
      'CONFLICT',
      `nothing would change: the channels hold what serial ${request.serial} held`,
      { serial: request.serial },
    );
  }
  return items;
}

/** Items that make a repository's tags what they were: one a digest that is set, one for all tags that go. */
async function toItems(
  flow: Flow,
  channel: Channel,
  repository: string,
  old: RepositoryDocument | undefined,
  serial: number,
): Promise<PromotionItem[]> {
  const tags = await flow.catalog.channels.tagsOf(channel.name, repository);
  const now = new Map(tags.map(({ tag, digest }) => [tag, digest]));
  const then = new Map([...(old?.tags ?? [])].filter(([tag]) => subjectOfCompanionTag(tag) === undefined));
  const common = {
    channel: channel.name,
    repository,
    reference: `serial ${serial}`,
    state: 'accepted' as const,
  };
  const items: PromotionItem[] = [];
  const set = new Map<Digest, string[]>();
  for (const [tag, digest] of then)
    if (now.get(tag) !== digest) set.getOrInsertComputed(digest, () => []).push(tag);
  for (const [digest, names] of set) {
    const known =
      tags.find((tag) => tag.digest === digest) ??
      (await flow.catalog.candidates.byDigest(repository, digest));
    const { companions, referrers } = known ?? { companions: [], referrers: [] };
    items.push({ ...common, digest, tags: names, companions, referrers });
  }
  const gone = [...now.keys()].filter((tag) => !then.has(tag));
  if (gone.length > 0) items.push({ ...common, digest: null, tags: gone, companions: [], referrers: [] });
  return items;
}
