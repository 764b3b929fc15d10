import { isDeepStrictEqual } from 'node:util';
import type { Promotion, PromotionItem, Verdict } from '@gantry/catalog';
import { Fault, forEachConcurrently, toProblem } from '@gantry/oci';
import type { Channel, Flow } from '../context.ts';
import { evaluateGates } from '../gate/evaluate.ts';
import { gateSubjects } from '../gate/subjects.ts';
import { gateRefusal, outcomeOf } from '../gate/verdict.ts';
import { enter } from './enter.ts';
import { RECORD_MAX_BYTES, sizeOfRecord } from './record-size.ts';
import { refuseItems } from './refuse-items.ts';
import { companionsByNow } from './resolve.ts';

const LOOK_UPS_AT_ONCE = 32;

/**
 * Asks the gates of a promotion in `gating`. What they refuse is refused; when all the rest has passed, the promotion goes
 * on. Only what is promoted is asked for: a rollback brings back what was there, and nothing else adds anything.
 * @returns the promotion as it is to be; the very same one when it waits and nothing has changed
 */
export async function passGates(
  flow: Flow,
  channels: readonly Channel[],
  promotion: Promotion,
  signal?: AbortSignal,
): Promise<Promotion> {
  if (promotion.kind !== 'promote') return enter(flow, promotion, 'promoting');
  const channel = channels.find(({ name }) => name === promotion.to);
  if (channel === undefined) return refuseItems(flow, promotion, () => channelGone(promotion));
  if (channel.gates === undefined || channel.gates.length === 0) return enter(flow, promotion, 'promoting');

  const items = await withCompanionsByNow(flow, promotion.items);
  const subjects = gateSubjects(items.filter(isOpen), channel, promotion);
  const fresh = await evaluateGates(flow, channel, subjects, {
    since: gatingSince(promotion),
    ...(signal === undefined ? {} : { signal }),
  });
  const byImage = Map.groupBy(fresh, imageOf);
  const verdictsOf = (item: PromotionItem) => byImage.get(imageOf(item)) ?? [];
  const gated: Promotion = {
    ...promotion,
    items,
    gates: [...(promotion.gates ?? []).filter((former) => !byImage.has(imageOf(former))), ...fresh],
  };
  const judged = refuseItems(flow, gated, (item) => refusalOf(verdictsOf(item), channel));
  if (judged.state !== 'gating') return fit(flow, judged, promotion);
  if (!judged.items.some((item) => isOpen(item) && outcomeOf(verdictsOf(item)) === 'waiting'))
    return fit(flow, enter(flow, judged, 'promoting'), promotion);
  const waiting = { ...judged, gates: keepTimes(promotion.gates ?? [], judged.gates ?? []) };
  return isDeepStrictEqual(waiting, promotion) ? promotion : fit(flow, waiting, promotion);
}

/** A signature that a gate waits for may come meanwhile: what the gates look at is what is promoted. */
async function withCompanionsByNow(
  { catalog }: Flow,
  items: readonly PromotionItem[],
): Promise<PromotionItem[]> {
  const result = [...items];
  await forEachConcurrently(items.entries(), LOOK_UPS_AT_ONCE, async ([at, item]) => {
    const { repository, digest } = item;
    if (!isOpen(item) || digest === null) return;
    result[at] = { ...item, ...(await companionsByNow(catalog, repository, digest, item)) };
  });
  return result;
}

/** When a promotion's gates were asked first. */
export function gatingSince({ timeline, createdAt }: Promotion): Date {
  return new Date(timeline.find(({ state }) => state === 'gating')?.at ?? createdAt);
}

/** Why an image is refused. A gate that has said nothing of just this digest has not let it pass. */
function refusalOf(verdicts: readonly Verdict[], { gates = [] }: Channel): Fault | undefined {
  const silent = gates.find(({ name }) => !verdicts.some(({ gate }) => gate === name));
  if (silent !== undefined)
    return new Fault('GATE_REFUSED', `refused by ${silent.name}: it has said nothing of this image`, {
      gates: silent.name,
    });
  return outcomeOf(verdicts) === 'refused' ? gateRefusal(verdicts) : undefined;
}

function isOpen({ state, digest }: PromotionItem): boolean {
  return state === 'accepted' && digest !== null;
}

function imageOf({ repository, digest }: Pick<Verdict, 'repository'> & { readonly digest: string | null }) {
  return `${repository}@${digest}`;
}

function channelGone({ to }: Promotion): Fault {
  return new Fault('CHANNEL_UNKNOWN', `the channel ${to} is configured no more`, { channel: to });
}

/** A verdict that says what it said before is of that time: so asking again changes nothing. */
function keepTimes(former: readonly Verdict[], fresh: readonly Verdict[]): Verdict[] {
  const before = new Map(former.map((verdict) => [`${verdict.gate} ${imageOf(verdict)}`, verdict]));
  return fresh.map((verdict) => {
    const known = before.get(`${verdict.gate} ${imageOf(verdict)}`);
    return known !== undefined && isDeepStrictEqual({ ...verdict, at: known.at }, known) ? known : verdict;
  });
}

/**
 * Keeps a promotion within what a record may take: of verdicts that have passed only that they have. What is too much even
 * so is refused as a whole.
 * @param former the promotion as it was read
 */
function fit(flow: Flow, promotion: Promotion, former: Promotion): Promotion {
  if (sizeOfRecord(promotion) <= RECORD_MAX_BYTES) return promotion;
  const gates = (promotion.gates ?? []).map((verdict) =>
    verdict.state === 'passed' ? { ...verdict, requirements: [] } : verdict,
  );
  if (sizeOfRecord({ ...promotion, gates }) <= RECORD_MAX_BYTES) return { ...promotion, gates };
  const why = new Fault(
    'REQUEST_UNPROCESSABLE',
    `what the gates say of its ${promotion.items.length} items takes more than ${RECORD_MAX_BYTES} bytes: promote fewer at once`,
    { limitBytes: RECORD_MAX_BYTES },
  );
  const { gates: _, ...rest } = former;
  return refuseItems(flow, { ...rest, error: toProblem(why) }, () => why);
}
