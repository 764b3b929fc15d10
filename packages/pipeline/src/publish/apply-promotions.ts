import type { ChannelTag, Lease, Promotion } from '@gantry/catalog';
import { forEachConcurrently } from '../concurrency.ts';
import type { Channel, Flow } from '../context.ts';

/** A repository of a channel that promotions have touched. */
export interface TouchedRepository {
  readonly channel: Channel;
  readonly repository: string;
}

/** What a tag is to become, by which promotion; without `set` it is to be removed. */
interface TagChange {
  readonly promotion: Promotion;
  readonly set?: ChannelTag;
}

interface Change extends TouchedRepository {
  readonly tags: Map<string, TagChange>;
}

const PROMOTIONS_AT_ONCE = 16;
/** From so many tags of a repository on all that it has are read at once. */
const MANY_TAGS = 4;

/**
 * Writes accepted items into the channels, in the order of acceptance, one write a repository: so that promotions which
 * are published together are never seen in part. Doing it again changes nothing. A tag that a promotion which was accepted
 * later has set already, as the worker of this one was killed or slow, stays as it is.
 * @param lease of the publisher: one that has it no more writes nothing
 * @returns what was touched
 * @throws Fault LEASE_LOST
 */
export async function applyPromotions(
  flow: Flow,
  channels: readonly Channel[],
  promotions: readonly Promotion[],
  lease: Pick<Lease, 'name' | 'fence'>,
): Promise<TouchedRepository[]> {
  const changes = new Map<string, Change>();
  const byName = new Map(channels.map((channel) => [channel.name, channel]));
  const promotedAt = flow.now().toISOString();
  for (const promotion of promotions.toSorted((a, b) => a.sequence - b.sequence)) {
    for (const item of promotion.items) {
      const channel = byName.get(item.channel);
      if (item.state !== 'accepted' || channel === undefined) continue;
      const { repository, digest, companions, referrers } = item;
      const change = changes.getOrInsertComputed(`${channel.name} ${repository}`, () => ({
        channel,
        repository,
        tags: new Map(),
      }));
      for (const tag of item.tags) {
        const set = { channel: channel.name, repository, tag, promotion: promotion.id, promotedAt };
        change.tags.set(tag, {
          promotion,
          ...(digest !== null && { set: { ...set, digest, companions, referrers } }),
        });
      }
    }
  }
  await Promise.all(
    [...changes.values()].map(async (change) => {
      const { channel, repository, tags } = change;
      await leaveNewer(flow, change);
      const set = [...tags.values()].flatMap((tag) => tag.set ?? []);
      const remove = [...tags].filter(([, tag]) => tag.set === undefined).map(([name]) => name);
      await flow.catalog.channels.apply(channel.name, repository, set, remove, lease);
    }),
  );
  return [...changes.values()].map(({ channel, repository }) => ({ channel, repository }));
}

/** Takes out of a change what was set by promotions that were accepted later. */
async function leaveNewer({ catalog }: Flow, { channel, repository, tags }: Change): Promise<void> {
  const { channels, promotions } = catalog;
  const names = [...tags.keys()];
  const present =
    names.length < MANY_TAGS
      ? await Promise.all(names.map((tag) => channels.tag(channel.name, repository, tag)))
      : await channels.tagsOf(channel.name, repository);
  await forEachConcurrently(present, PROMOTIONS_AT_ONCE, async (former) => {
    if (former === undefined) return;
    const change = tags.get(former.tag);
    if (change === undefined || former.promotion === change.promotion.id) return;
    const setBy = await promotions.get(former.promotion);
    if (setBy !== undefined && setBy.sequence > change.promotion.sequence) tags.delete(former.tag);
  });
}
