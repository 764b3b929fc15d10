import type { Promotion, PromotionItem } from '@gantry/catalog';
import { type Problem, toProblem } from '@gantry/oci';
import type { Flow } from '../context.ts';
import { promotionEvents } from '../events/promotion-events.ts';
import { refuseItems } from '../promote/refuse-items.ts';
import { judgePurged, type Kept } from './find-purge.ts';

/**
 * The promotion without what was purged since it was accepted: items of it are refused, and signatures and the like that
 * were purged do not go along. That very object if nothing of it was.
 */
export async function withoutPurged(flow: Flow, promotion: Promotion): Promise<Promotion> {
  const open = promotion.items.filter(({ state, digest }) => state === 'accepted' && digest !== null);
  const { faults, others } = await judgePurged(flow, open);
  for (const [{ repository, reference }, fault] of faults)
    flow.log.warn({ promotion: promotion.id, repository, reference, err: fault }, 'promotion.item_purged');
  const items = promotion.items.map((item) => others.get(item) ?? item);
  return refuseItems(flow, others.size === 0 ? promotion : { ...promotion, items }, (item) =>
    faults.get(item),
  );
}

/**
 * As `withoutPurged`, of promotions that wait, in their records.
 * @returns those that are in the same state still, as they stand now
 */
export async function leaveOutPurged(flow: Flow, promotions: readonly Promotion[]): Promise<Promotion[]> {
  if (!(await flow.catalog.purges.some())) return [...promotions];
  const left: Promotion[] = [];
  for (const read of promotions) {
    let now: Promotion | undefined = read;
    for (let isStored = false; !isStored && now?.state === read.state;) {
      const checked = await withoutPurged(flow, now);
      if (checked === now) break;
      const stored = await flow.catalog.promotions.replace(checked, promotionEvents(now, checked));
      isStored = stored !== undefined;
      now = stored ?? (await flow.catalog.promotions.get(read.id)); // another was faster
    }
    if (now?.state === read.state) left.push(now);
  }
  return left;
}

/** What a reference was found to mean, or why it is refused. */
type Found = Pick<PromotionItem, 'digest' | 'companions' | 'referrers'> & { readonly problem?: Problem };

/** What references mean, those that are purged refused, and without what goes with them and is purged. */
export async function refusePurgedReferences<T extends Found>(
  kept: Kept,
  items: readonly T[],
): Promise<ReadonlyMap<T, T>> {
  const { faults, others } = await judgePurged(kept, items);
  const refused = [...faults].map(([item, fault]): [T, T] => [
    item,
    { ...item, digest: null, companions: [], referrers: [], problem: toProblem(fault) },
  ]);
  return new Map([...others, ...refused]);
}

/** Items of a promotion that is to be accepted: those that are purged refused, the others without what is. */
export async function refusePurgedItems(
  kept: Kept,
  items: readonly PromotionItem[],
): Promise<PromotionItem[]> {
  const { faults, others } = await judgePurged(kept, items);
  return items.map((item) => {
    const fault = faults.get(item);
    if (fault !== undefined) return { ...item, state: 'refused', problem: toProblem(fault) };
    return others.get(item) ?? item;
  });
}
