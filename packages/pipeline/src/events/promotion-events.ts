import {
  type OutboxEvent,
  type Promotion,
  PROMOTION_ENDED,
  promotionRecord,
  type PromotionState,
} from '@gantry/catalog';
import { isMissing } from '../gate/verdict.ts';
import type { EventType, PromotionData } from './event-data.ts';

/** A longer list is for `GET /api/v1/promotions/{id}`: a message has its bounds. */
const ITEMS_MAX = 1000;
const VERDICTS_MAX = 100;
const MISSING_MAX = 10;

type Accepted = Omit<Promotion, 'sequence' | 'revision'>;
type Former = Pick<Promotion, 'state' | 'revision' | 'gates'>;

/** What befalls a promotion by a change of it. @param former absent when it is new */
export function promotionEvents(former: Former | undefined, now: Accepted): OutboxEvent[] {
  const what = whatBefell(former, now);
  if (what === undefined) return [];
  const type: EventType = `promotion.${what}`;
  return [
    {
      // It may wait several times, each time for other gates.
      id: `promotion/${now.id}/${what}${what === 'waiting' ? `/${former?.revision}` : ''}`,
      type,
      subject: now.id,
      time: what === 'waiting' ? lastAsked(now) : (now.timeline.at(-1)?.at ?? now.createdAt),
      data: dataOf(now),
      record: promotionRecord(now),
    },
  ];
}

function whatBefell(former: Former | undefined, now: Accepted) {
  if (now.state === 'gating') return waitsForOthers(former, now) ? 'waiting' : undefined;
  if (former?.state === now.state) return undefined;
  if (isEnd(now.state) || now.state === 'publishing') return now.state;
  return former === undefined ? 'accepted' : undefined;
}

/** Whether a gate is waited for, and they are others than before. */
function waitsForOthers(former: Pick<Promotion, 'gates'> | undefined, now: Accepted): boolean {
  const waiting = waitingGates(now);
  return waiting !== '[]' && waiting !== waitingGates(former ?? {});
}

function waitingGates({ gates = [] }: Pick<Promotion, 'gates'>): string {
  const names = gates.flatMap(({ gate, state }) => (state === 'waiting' ? [gate] : []));
  return JSON.stringify([...new Set(names)].toSorted());
}

/** When a promotion's gates have said something new. */
function lastAsked({ gates = [], createdAt }: Accepted): string {
  return gates.reduce((latest, { at }) => (at > latest ? at : latest), createdAt);
}

type End = Exclude<PromotionData['state'], 'queued' | 'gating' | 'publishing'>;

function isEnd(state: PromotionState): state is End {
  return PROMOTION_ENDED.includes(state);
}

function dataOf(promotion: Accepted): PromotionData {
  const { id, kind, to, state, items, serial, plan, error, reason, requestedBy, timeline } = promotion;
  return {
    id,
    kind,
    to,
    state: state === 'promoting' ? 'gating' : state,
    ...(promotion.tree !== undefined && { tree: promotion.tree }),
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
    gates: gatesOf(promotion),
    timeline: timeline.map((entry) => ({ ...entry })),
    plan: plan ?? null,
    error: error ?? null,
    reason: reason ?? null,
    requestedBy,
  };
}

/** What gates have not let pass, and what they lack. */
function gatesOf({ gates = [] }: Accepted): PromotionData['gates'] {
  return gates
    .flatMap(({ state, gate, kind, repository, digest, requirements }) => {
      if (state !== 'waiting' && state !== 'refused') return [];
      const missing = requirements.filter(isMissing).slice(0, MISSING_MAX);
      return [
        {
          gate,
          kind,
          repository,
          digest,
          state,
          missing: missing.map(({ name, detail }) => ({ name, detail })),
        },
      ];
    })
    .slice(0, VERDICTS_MAX);
}
