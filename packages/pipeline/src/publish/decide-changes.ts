import type { ChannelTag, Promotion, PromotionItem } from '@gantry/catalog';
import { type Digest, Fault } from '@gantry/oci';
import type { Channel } from '../context.ts';
import { rootsOf } from '../promote/plan-totals.ts';
import { refuseItems } from '../promote/refuse-items.ts';
import { refuseMove } from '../promote/tag-rules.ts';
import { type OwnTree, ownsChannel } from './trees.ts';

/** What a tag means, and since which promotion. */
export interface TagState {
  /** null: there is no such tag. */
  readonly digest: Digest | null;
  /** Of the promotion that set it or took it out; 0: not known, or none did. */
  readonly sequence: number;
  readonly promotion?: string;
  /** Since when it means the digest. */
  readonly since?: string;
  /** As it stands in the channel, if it does. */
  readonly entry?: ChannelTag;
}

/** What a tag is to become, by which promotion; without `set` it is to be removed. */
export interface TagChange {
  readonly promotion: Promotion;
  /** As it stands in the channel before all of the promotions; absent: it does not. */
  readonly from?: ChannelTag;
  readonly set?: ChannelTag;
}

/** What one repository of a channel is to become. */
export interface RepositoryChange {
  readonly channel: Channel;
  readonly repository: string;
  readonly tags: Map<string, TagChange>;
  /** What its tags mean already and is promoted once more, with what belongs to it. */
  readonly again: Set<Digest>;
}

export interface Decided {
  /** Promotions as they are now: some of their items may be refused, or they may have ended with that. */
  readonly promotions: readonly Promotion[];
  readonly changes: readonly RepositoryChange[];
}

/** What is known of a tag of a repository in a channel. */
export type TagStates = (channel: string, repository: string, tag: string) => TagState;

/**
 * Decides what promotions do to the channels, in the order of their acceptance. A tag that one which was accepted later has
 * set or taken out already stays so. An item is refused when a tag of its plan has moved since, or when it would move a tag
 * that is immutable, or when its channel stands in another tree by now.
 */
export function decideChanges(
  flow: { readonly now: () => Date },
  tree: OwnTree,
  promotions: readonly Promotion[],
  known: TagStates,
): Decided {
  const byName = new Map(tree.channels.map((channel) => [channel.name, channel]));
  const promotedAt = flow.now().toISOString();
  const changes = new Map<string, RepositoryChange>();
  const moved = new Map<string, TagState>();
  const stateOf = (item: PromotionItem, tag: string) =>
    moved.get(keyOf(item, tag)) ?? known(item.channel, item.repository, tag);

  const decided = promotions
    .toSorted((a, b) => a.sequence - b.sequence)
    .map((asked) => {
      const promotion = refuseItems(flow, asked, (item) => {
        const channel = byName.get(item.channel);
        if (channel === undefined) return ownsChannel(tree, item.channel) ? undefined : elsewhere(tree, item);
        return refusal(asked, item, channel, (tag) => stateOf(item, tag));
      });
      for (const item of promotion.items) {
        const channel = byName.get(item.channel);
        if (item.state !== 'accepted' || channel === undefined) continue;
        const { repository, digest, companions, referrers } = item;
        const change = changes.getOrInsertComputed(`${channel.name} ${repository}`, () => ({
          channel,
          repository,
          tags: new Map(),
          again: new Set(),
        }));
        for (const tag of item.tags) {
          const before = stateOf(item, tag);
          if (before.sequence > promotion.sequence) continue;
          const isAgain = digest !== null && before.digest === digest;
          if (isAgain) for (const root of rootsOf(item)) change.again.add(root);
          const since = (isAgain ? before.since : undefined) ?? promotedAt;
          const set = {
            channel: channel.name,
            repository,
            tag,
            promotion: promotion.id,
            promotedAt,
            ...(since !== promotedAt && { since }),
          };
          const from = known(channel.name, repository, tag).entry;
          change.tags.set(tag, {
            promotion,
            ...(from !== undefined && { from }),
            ...(digest !== null && { set: { ...set, digest, companions, referrers } }),
          });
          moved.set(keyOf(item, tag), {
            digest,
            sequence: promotion.sequence,
            promotion: promotion.id,
            ...(digest !== null && { since }),
          });
        }
      }
      return promotion;
    });
  return { promotions: decided, changes: [...changes.values()] };
}

function keyOf({ channel, repository }: PromotionItem, tag: string): string {
  return `${channel} ${repository}:${tag}`;
}

/** The configuration was changed since the promotion was accepted. */
function elsewhere({ name }: OwnTree, { channel, repository }: PromotionItem): Fault {
  return new Fault(
    'CONFLICT',
    `the channel ${channel} does not stand in the tree ${name} any more: promote ${repository} to it again`,
    { channel, repository, tree: name },
  );
}

/** Why an item may not be published any more. */
function refusal(
  promotion: Promotion,
  item: PromotionItem,
  channel: Channel,
  stateOf: (tag: string) => TagState,
): Fault | undefined {
  const { repository, digest, bases } = item;
  for (const tag of item.tags) {
    const now = stateOf(tag);
    if (now.promotion === promotion.id || now.digest === digest) continue; // done already, before a crash or by another
    const isLater = now.sequence > promotion.sequence;
    if (bases !== undefined && (isLater || (bases[tag] ?? null) !== now.digest)) {
      return new Fault(
        'PRECONDITION_FAILED',
        `${repository}:${tag} has moved since the plan was made, from ${bases[tag] ?? 'nothing'} to ${now.digest ?? 'nothing'}`,
        { channel: channel.name, repository, tag },
      );
    }
    if (promotion.kind !== 'promote' || digest === null || isLater) continue;
    const immutable = refuseMove(channel, { repository, tag, digest, from: now.digest ?? undefined });
    if (immutable !== undefined) return immutable;
  }
  return undefined;
}
