import type { Promotion, PromotionItem } from '@gantry/catalog';
import { Fault, toProblem } from '@gantry/oci';
import type { Flow } from '../context.ts';
import { enter } from './enter.ts';

/**
 * Refuses those accepted items of a promotion that there is a reason to: alone, or with all others when it is atomic.
 * @returns the promotion, which has ended as `refused` when nothing is left of it; the very same one when nothing is refused
 */
export function refuseItems(
  flow: Pick<Flow, 'now'>,
  promotion: Promotion,
  why: (item: PromotionItem) => Fault | undefined,
): Promotion {
  let refused = 0;
  const judged = promotion.items.map((item): PromotionItem => {
    const fault = item.state === 'accepted' ? why(item) : undefined;
    if (fault === undefined) return item;
    refused++;
    return { ...item, state: 'refused', problem: toProblem(fault) };
  });
  if (refused === 0) return promotion;
  const items = promotion.atomic ? judged.map(refusedWithTheRest) : judged;
  const changed = { ...promotion, items };
  if (items.some(({ state }) => state === 'accepted')) return changed;
  return enter(flow, { ...changed, endedAt: flow.now().toISOString() }, 'refused');
}

/** An item of an atomic promotion of which another was refused. */
export function refusedWithTheRest(item: PromotionItem): PromotionItem {
  if (item.state === 'refused') return item;
  return { ...item, state: 'refused', problem: toProblem(withTheRest()) };
}

/** Why all of an atomic promotion is refused with one of its items. */
export function withTheRest(): Fault {
  return new Fault('CONFLICT', 'the promotion is atomic, and another of its items was refused');
}
