import { type Promotion, type PromotionState, updatePromotion } from '@gantry/catalog';
import { Fault, quote } from '@gantry/oci';
import { isRequester, reconsider } from '@gantry/pipeline';
import type { Identity } from '@gantry/service';
import { z } from 'zod';
import type { Api } from '../api-options.ts';
import { ApprovalRequest } from '../gate-requests.ts';
import { type Access, type Call, route } from '../route.ts';
import { presentPromotion, PromotionView } from '../views/promotion.ts';

const UNDECIDED: readonly PromotionState[] = ['queued', 'gating'];

const PromotionId = z.strictObject({ id: z.string().max(200) });

const APPROVE: Access<Call<z.output<typeof PromotionId>>> = {
  shown: 'approve:<to>',
  kinds: ['approve'],
  scopes: async ({ params, api }) => {
    const promotion = await api.flow.catalog.promotions.get(params.id);
    if (promotion !== undefined) return [`approve:${promotion.to}`];
    throw new Fault('PROMOTION_UNKNOWN', `there is no promotion ${quote(params.id)}`, {
      promotion: params.id,
    });
  },
};

export const APPROVAL_ROUTES = [
  route({
    method: 'POST',
    path: '/api/v1/promotions/{id}/approvals',
    name: 'approvePromotion',
    summary: 'Says yes to a promotion that waits for approvals',
    access: APPROVE,
    params: PromotionId,
    body: ApprovalRequest.optional(),
    answers: { 200: { description: 'The promotion', view: PromotionView } },
    faults: ['PROMOTION_UNKNOWN', 'CONFLICT'],
    handle: ({ params, body, caller, api }) =>
      change(api, params.id, caller, 'promotion.approved', (promotion) => {
        checkOwn(promotion, caller);
        checkAsked(promotion, api);
        const approvals = promotion.approvals ?? [];
        if (approvals.some(({ by }) => by === caller.name)) return undefined;
        const at = api.flow.now().toISOString();
        const approval = { by: caller.name, groups: caller.groups, at, ...body };
        return { ...promotion, approvals: [...approvals, approval] };
      }),
  }),
  route({
    method: 'DELETE',
    path: '/api/v1/promotions/{id}/approvals',
    name: 'withdrawApproval',
    summary: "Takes the caller's own yes back, while the promotion waits",
    access: APPROVE,
    params: PromotionId,
    answers: { 200: { description: 'The promotion', view: PromotionView } },
    faults: ['PROMOTION_UNKNOWN', 'CONFLICT'],
    handle: ({ params, caller, api }) =>
      change(api, params.id, caller, 'promotion.approval_withdrawn', (promotion) => {
        const { approvals = [] } = promotion;
        const others = approvals.filter(({ by }) => by !== caller.name);
        return others.length === approvals.length ? undefined : { ...promotion, approvals: others };
      }),
  }),
];

/** Changes a promotion that is not decided yet, and has its gates asked again. */
async function change(
  { flow, messages }: Api,
  id: string,
  caller: Identity,
  event: string,
  apply: (promotion: Promotion) => Promotion | undefined,
) {
  let changes = false;
  const promotion = await updatePromotion(flow.catalog, id, (current) => {
    if (UNDECIDED.includes(current.state)) {
      const changed = apply(current);
      changes = changed !== undefined;
      return changed;
    }
    throw new Fault(
      'CONFLICT',
      `the promotion ${id} is ${current.state}: only one that is ${UNDECIDED.join(' or ')} can be approved, or an approval taken back`,
      { promotion: id, state: current.state },
    );
  });
  if (changes) flow.log.info({ promotion: id, by: caller.name }, event);
  await reconsider(flow, messages, { promotion: id });
  return { status: 200, json: presentPromotion(promotion) };
}

/** @throws Fault DENIED for one's own request, whichever way it came */
function checkOwn({ id, requestedBy }: Promotion, { name }: Identity): void {
  if (!isRequester(name, requestedBy)) return;
  throw new Fault('DENIED', `${name} asked for the promotion ${id}: somebody else must approve it`, {
    promotion: id,
    token: name,
  });
}

/** @throws Fault CONFLICT when nobody asks for approvals: a yes that nothing goes by would mislead */
function checkAsked({ id, kind, to }: Promotion, { channels }: Api): void {
  const gates = channels.find(({ name }) => name === to)?.gates ?? [];
  if (kind === 'promote' && gates.some((gate) => gate.kind === 'approvals')) return;
  throw new Fault('CONFLICT', `the promotion ${id} needs no approval: no gate of ${to} asks for any`, {
    promotion: id,
    channel: to,
  });
}
