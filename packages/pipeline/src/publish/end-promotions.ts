import type { Promotion, Publication } from '@gantry/catalog';
import { forEachConcurrently } from '@gantry/oci';
import { promotionEvents } from '../events/promotion-events.ts';
import { enter } from '../promote/enter.ts';
import type { PublishContext } from './published-tree.ts';

/** Calls a publication's promotions done, once its serial is served. Those that have ended already stay as they are. */
export async function endPromotions(
  { flow, tree }: Pick<PublishContext, 'flow' | 'tree'>,
  publication: Pick<Publication, 'promotions'> & { readonly serial?: number },
): Promise<void> {
  const { serial } = publication;
  const open: Promotion[] = [];
  for (const id of publication.promotions) {
    const promotion = await flow.catalog.promotions.get(id);
    if (promotion?.state === 'publishing') open.push(promotion);
  }
  if (open.length === 0) return;
  if (serial !== undefined) await tree.served?.(serial);
  await forEachConcurrently(open, 16, async (read) => {
    const { id } = read;
    for (
      let promotion: Promotion | undefined = read;
      promotion?.state === 'publishing';
      promotion = await flow.catalog.promotions.get(id)
    ) {
      const ended = end(flow, promotion, serial);
      const replaced = await flow.catalog.promotions.replace(ended, promotionEvents(promotion, ended));
      if (replaced === undefined) continue;
      flow.log.info({ promotion: id, serial, state: ended.state }, 'promotion.ended');
      return;
    }
  });
}

function end(flow: PublishContext['flow'], promotion: Promotion, serial: number | undefined): Promotion {
  const items = promotion.items.map((item) =>
    item.state === 'accepted' ? { ...item, state: 'done' as const } : item,
  );
  const state = items.every((item) => item.state === 'done') ? 'done' : 'partial';
  const { error: _, ...rest } = promotion; // of an attempt to publish that was made good
  const ended = {
    ...rest,
    items,
    endedAt: flow.now().toISOString(),
    ...(serial === undefined ? {} : { serial }),
  };
  return enter(flow, ended, state);
}
