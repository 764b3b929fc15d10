import type { PlannedItem, PromotionItem } from '@gantry/catalog';
import type { Channel } from '../context.ts';
import { isRefused } from './plan-items.ts';

/**
 * An item as a promotion has it.
 * @param remembersBases whether the tags must still mean what was found when they are published
 */
export function toPromotionItem(
  planned: PlannedItem,
  channel: Channel,
  remembersBases: boolean,
): PromotionItem {
  const { repository, reference, digest, companions, referrers, tags, problem } = planned;
  const asked = {
    channel: channel.name,
    repository,
    reference,
    digest,
    companions,
    referrers,
    tags: tags.map(({ tag }) => tag),
  };
  if (isRefused(planned))
    return { ...asked, state: 'refused', ...(problem === undefined ? {} : { problem }) };
  if (!remembersBases) return { ...asked, state: 'accepted' };
  const bases = Object.fromEntries(tags.map(({ tag, from }) => [tag, from ?? null]));
  return { ...asked, bases, state: 'accepted' };
}
