import { randomUUID } from 'node:crypto';
import type { Promotion, PromotionState } from '@gantry/catalog';
import { Fault } from '@gantry/oci';
import type { Channel, Flow } from '../context.ts';
import { promotionEvents } from '../events/promotion-events.ts';
import { inTreeOf } from '../publish/trees.ts';
import { applyPlan } from './apply-plan.ts';
import { keepContent } from './keep-content.ts';
import { planItems } from './plan-items.ts';
import { toPromotionItem } from './promotion-item.ts';
import { mustFit } from './record-size.ts';
import { refusedWithTheRest } from './refuse-items.ts';
import {
  bodyDigest,
  checkRequest,
  findChannel,
  type PlanRequest,
  type PromotionRequest,
  type Requester,
} from './request.ts';
import { hasImmutableTags } from './tag-rules.ts';

/**
 * Accepts a promotion: every reference is fixed to its digest now and never looked up again. An item that can't be
 * resolved, or has a tag that the channel's rules refuse, is refused by itself, or with all the others when the request is
 * atomic. A plan is applied just as it is.
 * @param ifMatch of a plan: the etags of which it must have one, as the header If-Match says them
 * @returns the promotion; `created` is false for a repeat of a request that is known already
 * @throws Fault of checkRequest and of applyPlan; IDEMPOTENCY_KEY_REUSED
 */
export async function acceptPromotion(
  flow: Flow,
  channels: readonly Channel[],
  request: PromotionRequest | PlanRequest,
  requester: Requester,
  ifMatch?: string,
): Promise<{ promotion: Promotion; created: boolean }> {
  const { reason } = request;
  const isPlan = 'plan' in request;
  const channel = isPlan ? findChannel(request.to, channels) : checkRequest(request, channels);
  return acceptOnce(flow, request, requester, async () => ({
    kind: 'promote',
    to: channel.name,
    ...inTreeOf(channel),
    ...(isPlan
      ? { plan: request.plan, ...(await applyPlan(flow, channel, request, requester, ifMatch)) }
      : await fixItems(flow, channel, request, requester)),
    ...(reason === undefined ? {} : { reason }),
  }));
}

async function fixItems(
  { catalog }: Flow,
  channel: Channel,
  { items, atomic = false }: PromotionRequest,
  requester: Requester,
): Promise<Pick<Promotion, 'atomic' | 'items'>> {
  const compares = hasImmutableTags(channel);
  const planned = await planItems(catalog, { items, channel, atomic, requester, compares });
  return { atomic, items: planned.map((item) => toPromotionItem(item, channel, false)) };
}

/** What is particular to one kind of promotion. */
export type Decision = Pick<Promotion, 'kind' | 'to' | 'tree' | 'atomic' | 'items' | 'plan' | 'reason'>;

/** Stores what `decide` gives as a new promotion, unless the requester's key says that it is there already. */
export async function acceptOnce(
  flow: Flow,
  body: unknown,
  requester: Requester,
  decide: () => Promise<Decision>,
): Promise<{ promotion: Promotion; created: boolean }> {
  const key = requester.idempotencyKey;
  const idempotency = key === undefined ? undefined : { key, body: bodyDigest(body) };
  if (key !== undefined) {
    const former = await flow.catalog.promotions.byIdempotencyKey(key);
    if (former !== undefined) return { promotion: sameBody(former, body), created: false };
  }
  const decision = await decide();
  const at = flow.now().toISOString();
  const refused = decision.items.filter((item) => item.state === 'refused').length;
  const isRefused = refused > 0 && (decision.atomic || refused === decision.items.length);
  const state: PromotionState = isRefused ? 'refused' : 'queued';
  const asked: Omit<Promotion, 'sequence' | 'revision'> = {
    id: randomUUID(),
    ...decision,
    items: isRefused ? decision.items.map(refusedWithTheRest) : decision.items,
    state,
    requestedBy: requester.name,
    timeline: [{ at, state }],
    createdAt: at,
    ...(isRefused ? { endedAt: at } : {}),
    ...(idempotency === undefined ? {} : { idempotency }),
  };
  mustFit(asked, 'the promotion');
  const { promotion, created } = await flow.catalog.promotions.create(
    asked,
    promotionEvents(undefined, asked),
  );
  if (created)
    flow.log.info(
      { promotion: promotion.id, to: promotion.to, by: requester.name, state },
      'promotion.accepted',
    );
  if (!created) return { promotion: sameBody(promotion, body), created };
  const kept = await keepContent(flow, promotion);
  const stored =
    kept === promotion
      ? promotion
      : await flow.catalog.promotions.replace(kept, promotionEvents(promotion, kept));
  return { promotion: stored ?? promotion, created }; // a worker was faster: it looks at the same
}

function sameBody(former: Promotion, body: unknown): Promotion {
  if (former.idempotency?.body === bodyDigest(body)) return former;
  throw new Fault(
    'IDEMPOTENCY_KEY_REUSED',
    `this Idempotency-Key belongs to the promotion ${former.id}, which was asked for with another body: send a new key`,
    { promotion: former.id },
  );
}
