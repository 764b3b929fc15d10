import { type Promotion, PROMOTION_ENDED, type PromotionItem, type PromotionState } from '@gantry/catalog';
import { asFault, Fault, toProblem } from '@gantry/oci';
import { forEachConcurrently } from '../concurrency.ts';
import { readContentGraph } from '../content-graph.ts';
import type { Flow } from '../context.ts';
import { promotionEvents } from '../events/promotion-events.ts';

const STATS_AT_ONCE = 64;

/**
 * Takes a promotion from `queued` to where only the publisher goes on: `publishing`, or an end. Each step is one guarded
 * write, so it may be run again after a crash, and by two workers at once.
 * @returns the promotion as it stands then; undefined if there is none of that id
 */
export async function runPromotion(flow: Flow, id: string): Promise<Promotion | undefined> {
  const { promotions } = flow.catalog;
  let promotion = await promotions.get(id);
  while (
    promotion !== undefined &&
    promotion.state !== 'publishing' &&
    !PROMOTION_ENDED.includes(promotion.state)
  ) {
    const advanced = await advance(flow, promotion);
    const replaced = await promotions.replace(advanced, promotionEvents(promotion, advanced));
    promotion = replaced ?? (await promotions.get(id)); // another was faster
  }
  return promotion;
}

async function advance(flow: Flow, promotion: Promotion): Promise<Promotion> {
  switch (promotion.state) {
    case 'queued':
      return enter(flow, { ...promotion, startedAt: flow.now().toISOString() }, 'gating');
    case 'gating':
      return enter(flow, promotion, 'promoting');
    default: {
      const items = await Promise.all(promotion.items.map((item) => checkContent(flow, item)));
      const failed = items.filter(({ state }) => state === 'failed');
      const accepted = items.some(({ state }) => state === 'accepted');
      if (accepted && !(promotion.atomic && failed.length > 0))
        return enter(flow, { ...promotion, items }, 'publishing');
      const error = toProblem(
        new Fault(
          'PROMOTION_FAILED',
          `the content of ${failed.length} of its items is not whole, so nothing was published`,
        ),
      );
      return enter(flow, { ...promotion, items, error, endedAt: flow.now().toISOString() }, 'failed');
    }
  }
}

/** The promotion in another state, the change noted in its timeline. */
export function enter(flow: Pick<Flow, 'now'>, promotion: Promotion, state: PromotionState): Promotion {
  return { ...promotion, state, timeline: [...promotion.timeline, { at: flow.now().toISOString(), state }] };
}

/** All that an item needs must be in the store, now: one damaged image must not hold up a whole publication. */
async function checkContent(flow: Flow, item: PromotionItem): Promise<PromotionItem> {
  if (item.state !== 'accepted' || item.digest === null) return item;
  try {
    const roots = [item.digest, ...item.companions.map(({ digest }) => digest), ...item.referrers];
    const graph = await readContentGraph(flow.catalog, roots);
    await forEachConcurrently(
      [...graph.manifests.values(), ...graph.blobs.values()],
      STATS_AT_ONCE,
      async ({ digest, size }) => {
        const stat = await flow.store.stat(digest);
        if (stat?.size === size) return;
        throw new Fault(
          'MANIFEST_BLOB_UNKNOWN',
          `${digest} of ${item.repository} is ${stat === undefined ? 'missing from' : 'not whole in'} the store, which was changed from outside: restore that file`,
          { digest, repository: item.repository },
        );
      },
    );
    return item;
  } catch (error) {
    const fault = asFault(error);
    flow.log.error(
      { err: fault, repository: item.repository, reference: item.reference },
      'promotion.item_failed',
    );
    return { ...item, state: 'failed', problem: toProblem(fault) };
  }
}
