import type { ChannelTag, Promotion, PromotionItem, PromotionState, Purge } from '@gantry/catalog';
import type { Digest } from '@gantry/oci';
import type { Flow } from '../context.ts';
import { acceptOnce } from '../promote/accept.ts';
import { runPromotion } from '../promote/run-promotion.ts';
import { inTreeOf, MAIN_TREE, type OwnTree, ownsChannel } from '../publish/trees.ts';
import { leaveOutPurged } from './leave-out-purged.ts';

/** Tags that one promotion takes out: so that its record stays small. */
const TAGS_A_PROMOTION = 5000;
const OPEN: readonly PromotionState[] = ['queued', 'gating', 'promoting'];

/** Has promotions that wait refuse what was purged, each in its record. */
export async function refuseOpenPromotions(flow: Flow): Promise<void> {
  await leaveOutPurged(flow, await flow.catalog.promotions.inStates(OPEN));
}

/**
 * Accepts the promotions that take tags out of a tree's channels, and brings them to where the publisher goes on. It is asked
 * for under the task's name: however often it is accepted, it is the same.
 * @param tags of any tree: those of this one go
 */
export async function takeTagsOut(
  flow: Flow,
  tree: OwnTree,
  purge: Purge,
  tags: readonly ChannelTag[],
  signal: AbortSignal,
): Promise<Promotion[]> {
  const accepted: Promotion[] = [];
  const own = tags.filter(({ channel }) => ownsChannel(tree, channel));
  for (let at = 0; at < Math.max(1, own.length); at += TAGS_A_PROMOTION) {
    const idempotencyKey = `purge ${purge.task} ${tree.name === MAIN_TREE ? '' : `${tree.name} `}${at}`;
    const former = await flow.catalog.promotions.byIdempotencyKey(idempotencyKey);
    const some = own.slice(at, at + TAGS_A_PROMOTION);
    if (former === undefined && some.length === 0) continue;
    const requester = { name: purge.by, idempotencyKey };
    const { promotion } = await acceptOnce(flow, { purge: purge.digest }, requester, () =>
      Promise.resolve({
        kind: 'purge' as const,
        to: '*',
        ...inTreeOf({ tree: tree.name }),
        atomic: false,
        items: itemsOf(purge.digest, some),
        reason: purge.reason,
      }),
    );
    accepted.push((await runPromotion(flow, tree.channels, promotion.id, signal)) ?? promotion);
  }
  return accepted;
}

/** An item a tag, which goes if it still means then what it means now. */
function itemsOf(purged: Digest, tags: readonly ChannelTag[]): PromotionItem[] {
  return tags.map(({ channel, repository, tag, digest }) => ({
    channel,
    repository,
    reference: purged,
    digest: null,
    tags: [tag],
    bases: { [tag]: digest },
    companions: [],
    referrers: [],
    state: 'accepted',
  }));
}
