import type { ChannelTag, Lease, Promotion } from '@gantry/catalog';
import type { Channel, Flow } from '../context.ts';

/** A repository of a channel that promotions have touched. */
export interface TouchedRepository {
  readonly channel: Channel;
  readonly repository: string;
}

interface Change extends TouchedRepository {
  readonly tags: Map<string, ChannelTag | undefined>;
}

/**
 * Writes accepted items into the channels, in the order of acceptance, one write a repository: so that promotions which
 * are published together are never seen in part. Doing it again changes nothing.
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
        change.tags.set(
          tag,
          digest === null
            ? undefined
            : {
                channel: channel.name,
                repository,
                tag,
                digest,
                promotion: promotion.id,
                promotedAt,
                companions,
                referrers,
              },
        );
      }
    }
  }
  await Promise.all(
    [...changes.values()].map(async ({ channel, repository, tags }) => {
      const set = [...tags.values()].filter((tag) => tag !== undefined);
      const remove = [...tags].filter(([, tag]) => tag === undefined).map(([name]) => name);
      await flow.catalog.channels.apply(channel.name, repository, set, remove, lease);
    }),
  );
  return [...changes.values()].map(({ channel, repository }) => ({ channel, repository }));
}
