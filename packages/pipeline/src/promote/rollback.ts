import type { Promotion, PromotionItem } from '@gantry/catalog';
import { type Digest, Fault, subjectOfCompanionTag } from '@gantry/oci';
import { diffTrees, openTree, type RepositoryDocument, type TreeSource } from '@gantry/tree';
import type { Channel, Flow } from '../context.ts';
import { refusePurgedItems } from '../take-back/leave-out-purged.ts';
import { acceptOnce } from './accept.ts';
import { findChannel, type Requester } from './request.ts';

/** What to put back; all channels and repositories where they are absent. */
export interface RollbackRequest {
  readonly serial: number;
  readonly channel?: string;
  /** Published names. */
  readonly repositories?: readonly string[];
  readonly reason?: string;
}

/**
 * Accepts a rollback: a promotion of the tags as they stood at a serial. The channels themselves go back, so the next
 * publication does not undo it; what is published by it is a new serial. It is done whole or not at all, but for what was
 * purged since: such a tag stays as it is.
 * @throws Fault PUBLICATION_UNKNOWN, CHANNEL_UNKNOWN, IDEMPOTENCY_KEY_REUSED; CONFLICT when nothing would change
 */
export async function acceptRollback(
  flow: Flow,
  channels: readonly Channel[],
  tree: TreeSource,
  request: RollbackRequest,
  requester: Requester,
): Promise<{ promotion: Promotion; created: boolean }> {
  const wanted = (request.channel === undefined ? channels : [findChannel(request.channel, channels)]).filter(
    ({ publish }) => publish,
  );
  return acceptOnce(flow, { rollback: request }, requester, async () => {
    const items = await refusePurgedItems(flow, await findChanges(flow, wanted, tree, request));
    return {
      kind: 'rollback',
      to: request.channel ?? '*',
      atomic: items.every(({ state }) => state === 'accepted'),
      items,
      ...(request.reason === undefined ? {} : { reason: request.reason }),
    };
  });
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
