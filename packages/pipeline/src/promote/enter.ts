import type { Promotion, PromotionState } from '@gantry/catalog';
import type { Flow } from '../context.ts';

/** The promotion in another state, the change noted in its timeline. */
export function enter(flow: Pick<Flow, 'now'>, promotion: Promotion, state: PromotionState): Promotion {
  return { ...promotion, state, timeline: [...promotion.timeline, { at: flow.now().toISOString(), state }] };
}
