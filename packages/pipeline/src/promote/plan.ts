import { randomUUID } from 'node:crypto';
import type { Plan } from '@gantry/catalog';
import { digestOf, Fault } from '@gantry/oci';
import type { Channel, Flow } from '../context.ts';
import { treeOf } from '../publish/trees.ts';
import { findDeleted } from './keep-content.ts';
import { planItems } from './plan-items.ts';
import { planTotals } from './plan-totals.ts';
import { mustFit } from './record-size.ts';
import { checkRequest, type PromotionRequest, type Requester } from './request.ts';

/** How long a plan can be applied. */
const PLAN_VALID_MS = 86_400_000;
/** How long it is known that there was one, after that. */
const PLAN_KEPT_MS = 86_400_000;

/**
 * Compares what a promotion would do with what is there now, and keeps it as a plan, which can be applied just as it is.
 * Changes nothing else.
 * @throws Fault as acceptPromotion does for a request that is not well formed
 */
export async function planPromotion(
  flow: Flow,
  channels: readonly Channel[],
  request: PromotionRequest,
  requester: Requester,
): Promise<Plan> {
  const channel = checkRequest(request, channels);
  const atomic = request.atomic === true;
  const items = await planItems(flow.catalog, {
    items: request.items,
    channel,
    atomic,
    requester,
    compares: true,
  });
  const said = { to: channel.name, atomic, items };
  const now = flow.now().getTime();
  const plan: Plan = {
    id: randomUUID(),
    etag: digestOf(JSON.stringify(said)),
    ...said,
    totals: await planTotals(flow, items, channel.publish ? treeOf(channel) : undefined),
    requestedBy: requester.name,
    createdAt: new Date(now).toISOString(),
    expiresAt: new Date(now + PLAN_VALID_MS).toISOString(),
  };
  mustFit(plan, 'the plan');
  await flow.catalog.plans.create(plan);
  await findDeleted(flow, items); // what it needs stays as long as it can be applied
  return plan;
}

/** @throws Fault PLAN_UNKNOWN */
export async function getPlan({ catalog }: Pick<Flow, 'catalog'>, id: string): Promise<Plan> {
  const plan = await catalog.plans.get(id);
  if (plan !== undefined) return plan;
  throw new Fault(
    'PLAN_UNKNOWN',
    `there is no plan ${JSON.stringify(id)}, or it expired long ago: make one by a dry run`,
    { plan: id },
  );
}

/** Forgets plans that expired some time ago. */
export async function forgetPlans({ catalog, now }: Pick<Flow, 'catalog' | 'now'>): Promise<void> {
  await catalog.plans.forget(new Date(now().getTime() - PLAN_KEPT_MS).toISOString());
}
