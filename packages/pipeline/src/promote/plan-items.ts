import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Catalog, PlannedItem, PlannedTag } from '@gantry/catalog';
import { Fault, forEachConcurrently, toProblem } from '@gantry/oci';
import type { Channel } from '../context.ts';
import { refusePurgedReferences } from '../take-back/leave-out-purged.ts';
import { type FormerTags, readFormerTags } from './former-tags.ts';
import { withTheRest } from './refuse-items.ts';
import { type RequestedItem, type Requester, tagsOf } from './request.ts';
import { resolveItem } from './resolve.ts';
import { refuseTag } from './tag-rules.ts';

const LOOK_UPS_AT_ONCE = 32;
const ITEMS_A_TURN = 500;
const NOTHING_IS_THERE: FormerTags = { of: () => undefined };

/** What is to be planned. */
interface Wanted {
  readonly items: readonly RequestedItem[];
  readonly channel: Channel;
  readonly atomic: boolean;
  readonly requester: Requester;
  /** Whether it matters what the tags mean now. */
  readonly compares: boolean;
}

/**
 * Fixes each item to its digest, compares its tags with what is in the channel, and judges them by the channel's rules. One
 * bad tag refuses its item, and when it is atomic all the others.
 */
export async function planItems(
  catalog: Catalog,
  { items, channel, atomic, requester, compares }: Wanted,
): Promise<PlannedItem[]> {
  const resolved = new Map<RequestedItem, Omit<PlannedItem, 'tags'>>();
  for (let from = 0; from < items.length; from += ITEMS_A_TURN) {
    if (from > 0) await nextTurn(); // thousands must not hold up who else is served
    await forEachConcurrently(items.slice(from, from + ITEMS_A_TURN), LOOK_UPS_AT_ONCE, async (item) => {
      resolved.set(item, await resolve(catalog, item, channel));
    });
  }
  const purged = await refusePurgedReferences({ catalog }, [...resolved.values()]);
  for (const [item, found] of resolved) resolved.set(item, purged.get(found) ?? found);
  const former = compares
    ? await readFormerTags(
        catalog,
        channel.name,
        items.map((item) => ({ repository: item.repository, tags: tagsOf(item) })),
      )
    : NOTHING_IS_THERE;
  const planned = items.map((item) =>
    judge(resolved.get(item) as Omit<PlannedItem, 'tags'>, tagsOf(item), channel, requester, former),
  );
  return atomic && planned.some(isRefused) ? planned.map(refuseWithTheRest) : planned;
}

/** The same items, judged once more for whoever applies a plan. */
export function judgeAgain(
  items: readonly PlannedItem[],
  channel: Channel,
  requester: Requester,
  former: FormerTags,
  atomic: boolean,
): PlannedItem[] {
  const judged = items.map((item) =>
    isRefused(item)
      ? item
      : judge(
          item,
          item.tags.map(({ tag }) => tag),
          channel,
          requester,
          former,
        ),
  );
  return atomic && judged.some(isRefused) ? judged.map(refuseWithTheRest) : judged;
}

export function isRefused({ problem }: PlannedItem): boolean {
  return problem !== undefined;
}

async function resolve(
  catalog: Catalog,
  item: RequestedItem,
  channel: Channel,
): Promise<Omit<PlannedItem, 'tags'>> {
  const { repository, reference } = item;
  try {
    return { repository, reference, ...(await resolveItem(catalog, item, channel)) };
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'REFERENCE_UNKNOWN') throw error;
    return { repository, reference, digest: null, companions: [], referrers: [], problem: toProblem(error) };
  }
}

function judge(
  item: Omit<PlannedItem, 'tags'>,
  names: readonly string[],
  channel: Channel,
  requester: Requester,
  former: FormerTags,
): PlannedItem {
  const { repository, digest, problem } = item;
  const tags = names.map((tag): PlannedTag => {
    const from = former.of(repository, tag);
    const base = { tag, ...(from === undefined ? {} : { from }) };
    if (digest === null) return { ...base, action: 'refuse' };
    const refusal = refuseTag(channel, { repository, tag, digest, from }, requester);
    if (refusal !== undefined) return { ...base, action: 'refuse', problem: toProblem(refusal) };
    return { ...base, action: from === undefined ? 'add' : from === digest ? 'noop' : 'move' };
  });
  const why = problem ?? tags.find((tag) => tag.problem !== undefined)?.problem;
  return why === undefined ? { ...item, tags } : { ...item, tags: tags.map(refused), problem: why };
}

function refuseWithTheRest(item: PlannedItem): PlannedItem {
  if (isRefused(item)) return item;
  return { ...item, tags: item.tags.map(refused), problem: toProblem(withTheRest()) };
}

function refused(tag: PlannedTag): PlannedTag {
  return { ...tag, action: 'refuse' };
}
