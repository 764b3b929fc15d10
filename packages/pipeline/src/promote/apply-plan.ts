import type { Plan, PromotionItem } from '@gantry/catalog';
import { Fault } from '@gantry/oci';
import type { Channel, Flow } from '../context.ts';
import { type FormerTags, readFormerTags } from './former-tags.ts';
import { getPlan } from './plan.ts';
import { isRefused, judgeAgain } from './plan-items.ts';
import { toPromotionItem } from './promotion-item.ts';
import type { PlanRequest, Requester } from './request.ts';

/** How many moved tags a fault names. */
const MOVED_SHOWN = 100;

/** What a plan says, as a promotion. */
export interface PlanDecision {
  readonly atomic: boolean;
  readonly items: readonly PromotionItem[];
}

/**
 * Makes a promotion's items of a plan: its digests and tags, which are not looked up again. Each tag remembers what the
 * plan found there; the publisher looks at that once more.
 * @param ifMatch the header If-Match: the etags of which the plan must have one; absent: any
 * @throws Fault PLAN_UNKNOWN; PRECONDITION_FAILED when the plan expired, has another etag, or a tag has moved since, naming
 * each; REQUEST_UNPROCESSABLE for another channel than the plan's
 */
export async function applyPlan(
  flow: Flow,
  channel: Channel,
  request: PlanRequest,
  requester: Requester,
  ifMatch: string | undefined,
): Promise<PlanDecision> {
  const plan = await getPlan(flow, request.plan);
  if (plan.to !== channel.name) {
    throw new Fault(
      'REQUEST_UNPROCESSABLE',
      `the plan ${plan.id} is for the channel ${plan.to}, and not for ${channel.name}`,
      { plan: plan.id, to: plan.to },
    );
  }
  if (ifMatch !== undefined && !matchesStrongly(ifMatch, plan.etag)) {
    throw new Fault(
      'PRECONDITION_FAILED',
      `the plan ${plan.id} has the ETag "${plan.etag}", not ${ifMatch}`,
      {
        plan: plan.id,
        etag: plan.etag,
      },
    );
  }
  if (flow.now().toISOString() >= plan.expiresAt) {
    throw new Fault(
      'PRECONDITION_FAILED',
      `the plan ${plan.id} expired at ${plan.expiresAt}: make another one`,
      { plan: plan.id, expiresAt: plan.expiresAt },
    );
  }
  const former = await readFormerTags(
    flow.catalog,
    channel.name,
    plan.items
      .filter((item) => !isRefused(item))
      .map(({ repository, tags }) => ({ repository, tags: tags.map(({ tag }) => tag) })),
  );
  mustStandStill(plan, former);
  const items = judgeAgain(plan.items, channel, requester, former, plan.atomic);
  return { atomic: plan.atomic, items: items.map((item) => toPromotionItem(item, channel, true)) };
}

/** @throws Fault PRECONDITION_FAILED, naming each tag that has moved since the plan was made, from what to what */
function mustStandStill(plan: Plan, former: FormerTags): void {
  const moved: string[] = [];
  for (const item of plan.items) {
    if (isRefused(item)) continue;
    for (const { tag, from } of item.tags) {
      const now = former.of(item.repository, tag);
      if (now !== from)
        moved.push(`${item.repository}:${tag} from ${from ?? 'nothing'} to ${now ?? 'nothing'}`);
    }
  }
  if (moved.length === 0) return;
  const shown = moved.slice(0, MOVED_SHOWN).join('; ');
  const more = moved.length > MOVED_SHOWN ? `; and ${moved.length - MOVED_SHOWN} more` : '';
  throw new Fault(
    'PRECONDITION_FAILED',
    `the channel ${plan.to} is not what the plan ${plan.id} was made for, make another one. Moved: ${shown}${more}`,
    { plan: plan.id, moved: moved.length },
  );
}

/** If-Match compares strongly (RFC 9110, section 13.1.1). */
function matchesStrongly(ifMatch: string, etag: string): boolean {
  return ifMatch.split(',').some((one) => one.trim() === '*' || one.trim() === `"${etag}"`);
}
