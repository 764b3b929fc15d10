import { randomUUID } from 'node:crypto';
import type { Promotion, PromotionItem, PromotionState } from '@gantry/catalog';
import { Fault, toProblem } from '@gantry/oci';
import type { Channel, Flow } from '../context.ts';
import { promotionEvents } from '../events/promotion-events.ts';
import {
  bodyDigest,
  checkRequest,
  type PromotionRequest,
  type RequestedItem,
  type Requester,
  tagsOf,
} from './request.ts';
import { resolveItem } from './resolve.ts';

/**
 * Accepts a promotion: every reference is fixed to its digest now and never looked up again. An item that can't be
 * resolved is refused by itself, or with all the others when the request is atomic.
 * @returns the promotion; `created` is false for a repeat of a request that is known already
 * @throws Fault of checkRequest; IDEMPOTENCY_KEY_REUSED
 */
export async function acceptPromotion(
  flow: Flow,
  channels: readonly Channel[],
  request: PromotionRequest,
  requester: Requester,
): Promise<{ promotion: Promotion; created: boolean }> {
  const channel = checkRequest(request, channels);
  return acceptOnce(flow, request, requester, async () => {
    const items = await Promise.all(request.items.map((item) => toItem(flow, item, channel)));
    return {
      kind: 'promote',
      to: channel.name,
      atomic: request.atomic === true,
      items,
      ...(request.reason === undefined ? {} : { reason: request.reason }),
    };
  });
}

/** What is particular to one kind of promotion. */
export type Decision = Pick<Promotion, 'kind' | 'to' | 'atomic' | 'items' | 'reason'>;

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
    items: isRefused ? decision.items.map(refuseWithTheRest) : decision.items,
    state,
    requestedBy: requester.name,
    timeline: [{ at, state }],
    createdAt: at,
    ...(isRefused ? { endedAt: at } : {}),
    ...(idempotency === undefined ? {} : { idempotency }),
  };
  const { promotion, created } = await flow.catalog.promotions.create(
    asked,
    promotionEvents(undefined, asked),
  );
  if (created)
    flow.log.info(
      { promotion: promotion.id, to: promotion.to, by: requester.name, state },
      'promotion.accepted',
    );
  return { promotion: created ? promotion : sameBody(promotion, body), created };
}

async function toItem(flow: Flow, item: RequestedItem, channel: Channel): Promise<PromotionItem> {
  const asked = {
    channel: channel.name,
    repository: item.repository,
    reference: item.reference,
    tags: tagsOf(item),
  };
  try {
    return { ...asked, ...(await resolveItem(flow.catalog, item, channel)), state: 'accepted' };
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'REFERENCE_UNKNOWN') throw error;
    return {
      ...asked,
      digest: null,
      companions: [],
      referrers: [],
      state: 'refused',
      problem: toProblem(error),
    };
  }
}

function refuseWithTheRest(item: PromotionItem): PromotionItem {
  if (item.state === 'refused') return item;
  const why = new Fault('CONFLICT', 'the promotion is atomic, and another of its items was refused');
  return { ...item, state: 'refused', problem: toProblem(why) };
}

function sameBody(former: Promotion, body: unknown): Promotion {
  if (former.idempotency?.body === bodyDigest(body)) return former;
  throw new Fault(
    'IDEMPOTENCY_KEY_REUSED',
    `this Idempotency-Key belongs to the promotion ${former.id}, which was asked for with another body: send a new key`,
    { promotion: former.id },
  );
}
