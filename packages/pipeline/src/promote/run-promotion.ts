import { type Promotion, PROMOTION_ENDED, type PromotionItem } from '@gantry/catalog';
import { Fault, forEachConcurrently, toProblem } from '@gantry/oci';
import { readContentGraph } from '../content-graph.ts';
import type { Channel, Flow } from '../context.ts';
import { promotionEvents } from '../events/promotion-events.ts';
import { withoutPurged } from '../take-back/leave-out-purged.ts';
import { enter } from './enter.ts';
import { explainLost } from './explain-lost.ts';
import { findDeleted, keepContent } from './keep-content.ts';
import { passGates } from './pass-gates.ts';
import { companionsByNow } from './resolve.ts';

const STATS_AT_ONCE = 64;

/**
 * Takes a promotion from `queued` to where only others go on: to `publishing`, to an end, or to `gating` while a gate waits.
 * Each step is one guarded write, so it may be run again after a crash, and by two workers at once.
 * @param signal ends the asking of gates; then its reason is thrown
 * @returns the promotion as it stands then; undefined if there is none of that id
 */
export async function runPromotion(
  flow: Flow,
  channels: readonly Channel[],
  id: string,
  signal?: AbortSignal,
): Promise<Promotion | undefined> {
  const { promotions } = flow.catalog;
  let promotion = await promotions.get(id);
  while (
    promotion !== undefined &&
    promotion.state !== 'publishing' &&
    !PROMOTION_ENDED.includes(promotion.state)
  ) {
    const advanced = await advance(flow, channels, promotion, signal);
    if (advanced === promotion) return promotion;
    const replaced = await promotions.replace(advanced, promotionEvents(promotion, advanced));
    const waits = advanced.state === 'gating' && promotion.state === 'gating';
    if (replaced !== undefined && waits) return replaced;
    promotion = replaced ?? (await promotions.get(id)); // another was faster
  }
  return promotion;
}

/** @returns the very same promotion when it waits for its gates */
async function advance(
  flow: Flow,
  channels: readonly Channel[],
  promotion: Promotion,
  signal?: AbortSignal,
): Promise<Promotion> {
  const kept = await withoutPurged(flow, promotion);
  if (kept !== promotion) return kept;
  switch (promotion.state) {
    case 'queued': {
      // Whoever accepted it may have been cut off before it did this.
      const here = await keepContent(flow, promotion);
      if (here !== promotion) return here;
      return enter(flow, { ...promotion, startedAt: flow.now().toISOString() }, 'gating');
    }
    case 'gating':
      return passGates(flow, channels, promotion, signal);
    default: {
      const items = await Promise.all(
        promotion.items.map(async (item) =>
          checkContent(flow, await withLateCompanions(flow, promotion, item)),
        ),
      );
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

/** What came to an image while its promotion waited goes with it, too: a signature that a gate has waited for. */
async function withLateCompanions(
  { catalog }: Flow,
  { kind }: Promotion,
  item: PromotionItem,
): Promise<PromotionItem> {
  if (kind !== 'promote' || item.state !== 'accepted' || item.digest === null) return item;
  return { ...item, ...(await companionsByNow(catalog, item.repository, item.digest, item)) };
}

/** All that an item needs must be in the store, now: one damaged image must not hold up a whole publication. */
async function checkContent(flow: Flow, item: PromotionItem): Promise<PromotionItem> {
  if (item.state !== 'accepted' || item.digest === null) return item;
  try {
    const roots = [item.digest, ...item.companions.map(({ digest }) => digest), ...item.referrers];
    const graph = await readContentGraph(flow.catalog, roots);
    const deleted = (await findDeleted(flow, [item])).get(item);
    if (deleted !== undefined) throw deleted;
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
    const fault = await explainLost(flow, error);
    flow.log.error(
      { err: fault, repository: item.repository, reference: item.reference },
      'promotion.item_failed',
    );
    return { ...item, state: 'failed', problem: toProblem(fault) };
  }
}
