import {
  type OutboxEvent,
  type Promotion,
  PROMOTION_ENDED,
  promotionRecord,
  type PromotionState,
} from '@gantry/catalog';
import type { EventType, PromotionData } from './event-data.ts';

/** A longer list is for `GET /api/v1/promotions/{id}`: a message has its bounds. */
const ITEMS_MAX = 1000;

type Accepted = Omit<Promotion, 'sequence' | 'revision'>;

/** What befalls a promotion by its change from one state to another. @param former absent when it is new */
export function promotionEvents(former: Pick<Promotion, 'state'> | undefined, now: Accepted): OutboxEvent[] {
  const what = whatBefell(former?.state, now.state);
  if (what === undefined) return [];
  const type: EventType = `promotion.${what}`;
  return [
    {
      id: `promotion/${now.id}/${what}`,
      type,
      subject: now.id,
      time: now.timeline.at(-1)?.at ?? now.createdAt,
      data: dataOf(now),
      record: promotionRecord(now),
    },
  ];
}

function whatBefell(former: PromotionState | undefined, now: PromotionState) {
  if (former === now) return undefined;
  if (isEnd(now)) return now;
  return former === undefined ? 'accepted' : undefined;
}

type End = Exclude<PromotionData['state'], 'queued'>;

function isEnd(state: PromotionState): state is End {
  return PROMOTION_ENDED.includes(state);
}

function dataOf(promotion: Accepted): PromotionData {
  const { id, kind, to, state, items, serial, error, reason, requestedBy } = promotion;
  return {
    id,
    kind,
    to,
    state: isEnd(state) ? state : 'queued',
    serial: serial ?? null,
    itemCount: items.length,
    items: items.slice(0, ITEMS_MAX).map((item) => ({
      channel: item.channel,
      repository: item.repository,
      reference: item.reference,
      digest: item.digest,
      tags: [...item.tags],
      state: item.state,
      ...(item.problem === undefined ? {} : { problem: item.problem }),
    })),
    error: error ?? null,
    reason: reason ?? null,
    requestedBy,
  };
}
