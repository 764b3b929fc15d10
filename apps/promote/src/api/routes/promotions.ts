import { hash } from 'node:crypto';
import {
  type Promotion,
  PROMOTION_ENDED,
  PROMOTION_STATES,
  type PromotionState,
  updatePromotion,
} from '@gantry/catalog';
import { Fault, quote } from '@gantry/oci';
import {
  acceptPromotion,
  channelsOf,
  enter,
  MAIN_TREE,
  planPromotion,
  promotionEvents,
  sendWork,
  serialAtMirrors,
  treeOf,
} from '@gantry/pipeline';
import { z } from 'zod';
import { promoteScopes, READ } from '../access.ts';
import type { ApiOptions } from '../api-options.ts';
import { IDEMPOTENCY_HEADERS, requesterOf } from '../idempotency-key.ts';
import { PAGING, SINCE } from '../paging.ts';
import { answerRecord, readAsPreferred, RECORD_HEADERS, WAIT_HEADERS } from '../record-answer.ts';
import { answerRecordEvents, EVENT_ANSWERS, EVENT_HEADERS } from '../record-events.ts';
import { askedFor, PromotionRequest } from '../requests.ts';
import { type Answer, type Call, route } from '../route.ts';
import { pageOf } from '../views/named.ts';
import { PlanView } from '../views/plan.ts';
import { presentPromotion, presentWithMirrors, PromotionView } from '../views/promotion.ts';
import { answerPlan } from './plans.ts';

const CANCELLABLE: readonly PromotionState[] = ['queued', 'gating', 'promoting'];

const PromotionId = z.strictObject({ id: z.string().max(200) });

export const PROMOTION_ROUTES = [
  route({
    method: 'POST',
    path: '/api/v1/promotions',
    name: 'createPromotion',
    summary: 'Promotes to a channel',
    access: {
      shown: 'promote:<to>',
      kinds: ['promote'],
      scopes: ({ body, api }) => promoteScopes(body.to, api.channels),
    },
    body: PromotionRequest,
    target: ({ body }) => (body.dryRun === true ? `${body.to} plan` : body.to),
    headers: {
      ...IDEMPOTENCY_HEADERS,
      ...WAIT_HEADERS,
      'If-Match': 'Of a plan: the ETag that it must have',
    },
    answers: {
      200: {
        description: 'Of a dry run: the plan',
        view: PlanView,
        headers: { ETag: 'Of the plan', 'Content-Location': 'The plan' },
      },
      202: {
        description: 'The promotion as it stands, or, waited for, as it has ended',
        view: PromotionView,
        headers: { Location: 'The promotion' },
      },
    },
    faults: [
      'CHANNEL_UNKNOWN',
      'PLAN_UNKNOWN',
      'PRECONDITION_FAILED',
      'NAME_INVALID',
      'TAG_INVALID',
      'DIGEST_INVALID',
      'REQUEST_UNPROCESSABLE',
      'IDEMPOTENCY_KEY_REUSED',
    ],
    async handle(call) {
      const { flow, channels } = call.api;
      const request = askedFor(call.body);
      const requester = requesterOf(call);
      const ifMatch = call.header('if-match');
      if (ifMatch !== undefined && !('plan' in request)) {
        throw new Fault('REQUEST_INVALID', 'If-Match goes with a plan: name one, or leave the header out', {
          at: 'If-Match',
        });
      }
      if (call.body.dryRun === true && 'items' in request)
        return answerPlan(await planPromotion(flow, channels, request, requester));
      const { promotion } = await acceptPromotion(flow, channels, request, requester, ifMatch);
      return answerAccepted(call.api, promotion, call);
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/promotions',
    name: 'listPromotions',
    summary: 'Promotions, newest first',
    access: READ,
    query: z.strictObject({
      state: z.enum(PROMOTION_STATES).exactOptional(),
      to: z.string().max(128).exactOptional().describe('The channel'),
      since: SINCE,
      ...PAGING,
    }),
    answers: { 200: { description: 'A page of promotions', view: pageOf(PromotionView) } },
    async handle({ query, api }) {
      const { items, next } = await api.flow.catalog.promotions.list(query);
      return { status: 200, json: { items: items.map(presentPromotion), next } };
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/promotions/{id}',
    name: 'getPromotion',
    summary: 'A promotion as it stands, or, waited for, as it has ended',
    access: READ,
    params: PromotionId,
    headers: RECORD_HEADERS,
    answers: {
      200: { description: 'The promotion', view: PromotionView, headers: { ETag: 'Of its revision' } },
      304: { description: 'Nothing has changed' },
    },
    faults: ['PROMOTION_UNKNOWN'],
    handle: (call) =>
      answerRecord(
        call,
        () => getWithMirrors(call.api, call.params.id),
        ({ promotion }) => hasEnded(promotion),
        ({ promotion, mirrors }) => presentWithMirrors(promotion, mirrors),
      ),
  }),
  route({
    method: 'GET',
    path: '/api/v1/promotions/{id}/events',
    name: 'followPromotion',
    summary: 'A promotion each time that it has changed, until it has ended',
    access: READ,
    params: PromotionId,
    headers: EVENT_HEADERS,
    answers: EVENT_ANSWERS,
    faults: ['PROMOTION_UNKNOWN'],
    handle: (call) =>
      answerRecordEvents(call, () => getPromotion(call.api, call.params.id), hasEnded, presentPromotion),
  }),
  route({
    method: 'DELETE',
    path: '/api/v1/promotions/{id}',
    name: 'cancelPromotion',
    summary: 'Cancels a promotion that is not yet publishing',
    access: {
      shown: 'promote:<to>',
      kinds: ['promote'],
      scopes: async ({ params, api }) => {
        const promotion = await getPromotion(api, params.id);
        return promoteScopes(promotion.to, channelsOf(treeOf(promotion), api.channels));
      },
    },
    params: PromotionId,
    answers: { 200: { description: 'The cancelled promotion', view: PromotionView } },
    faults: ['PROMOTION_UNKNOWN', 'CONFLICT'],
    async handle({ params, api: { flow }, caller }) {
      const cancel = (promotion: Promotion): Promotion => {
        if (!CANCELLABLE.includes(promotion.state)) {
          throw new Fault(
            'CONFLICT',
            `the promotion ${promotion.id} is ${promotion.state}: only one that is ${CANCELLABLE.join(', ')} can be cancelled`,
            { promotion: promotion.id, state: promotion.state },
          );
        }
        return { ...enter(flow, promotion, 'cancelled'), endedAt: flow.now().toISOString() };
      };
      const cancelled = await updatePromotion(flow.catalog, params.id, cancel, promotionEvents);
      flow.log.info({ promotion: cancelled.id, by: caller.name }, 'promotion.cancelled');
      return { status: 200, json: presentPromotion(cancelled) };
    },
  }),
];

/**
 * Hands a promotion to a worker and answers with it. A repeat of the request does so again: the first time may have
 * failed half-way, and work that is done twice does no harm.
 * @param call of who may prefer to wait for its end
 */
export async function answerAccepted(api: ApiOptions, promotion: Promotion, call?: Call): Promise<Answer> {
  if (!hasEnded(promotion)) await sendWork(api.messages, { type: 'work.promotion', promotion: promotion.id });
  const { record, applied } =
    call === undefined || hasEnded(promotion)
      ? { record: promotion, applied: {} }
      : await readAsPreferred(call, () => getPromotion(api, promotion.id), hasEnded);
  return {
    status: 202,
    headers: { Location: `/api/v1/promotions/${promotion.id}`, ...applied },
    json: presentPromotion(record),
  };
}

function hasEnded({ state }: Promotion): boolean {
  return PROMOTION_ENDED.includes(state);
}

async function getPromotion(api: ApiOptions, id: string): Promise<Promotion> {
  const promotion = await api.flow.catalog.promotions.get(id);
  if (promotion !== undefined) return promotion;
  throw new Fault('PROMOTION_UNKNOWN', `there is no promotion ${quote(id)}`, { promotion: id });
}

/** A promotion with how the mirrors stand to its serial: read together, as a promotion is not written for a mirror's sake. */
async function getWithMirrors(api: ApiOptions, id: string) {
  const promotion = await getPromotion(api, id);
  const { serial, revision } = promotion;
  const { catalog } = api.flow;
  const isOfMirrors = serial !== undefined && treeOf(promotion) === MAIN_TREE;
  const mirrors = isOfMirrors ? await serialAtMirrors(catalog, MAIN_TREE, api.mirrors ?? [], serial) : [];
  if (mirrors.length === 0) return { promotion, mirrors, revision };
  return { promotion, mirrors, revision, addition: hash('sha256', JSON.stringify(mirrors)).slice(0, 16) };
}
