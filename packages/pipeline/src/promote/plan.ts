import { type Digest, Fault, type Problem, toProblem } from '@gantry/oci';
import type { Channel, Flow } from '../context.ts';
import { checkRequest, type PromotionRequest, type RequestedItem, tagsOf } from './request.ts';
import { resolveItem } from './resolve.ts';

/** What a promotion would do, compared with what is in the channel now. */
export interface PromotionPlan {
  readonly to: string;
  readonly items: readonly PlannedItem[];
}

export interface PlannedItem {
  readonly repository: string;
  readonly reference: string;
  readonly digest: Digest | null;
  readonly tags: readonly {
    readonly tag: string;
    readonly action: 'add' | 'move' | 'noop';
    readonly from?: Digest;
  }[];
  readonly problem?: Problem;
}

/** Compares without changing anything. @throws Fault as acceptPromotion does for a request that is not well formed */
export async function planPromotion(
  flow: Flow,
  channels: readonly Channel[],
  request: PromotionRequest,
): Promise<PromotionPlan> {
  const channel = checkRequest(request, channels);
  return {
    to: channel.name,
    items: await Promise.all(request.items.map((item) => planItem(flow, item, channel))),
  };
}

async function planItem(flow: Flow, item: RequestedItem, channel: Channel): Promise<PlannedItem> {
  const { repository, reference } = item;
  try {
    const { digest } = await resolveItem(flow.catalog, item, channel);
    const tags = await Promise.all(
      tagsOf(item).map(async (tag) => {
        const former = await flow.catalog.channels.tag(channel.name, repository, tag);
        if (former === undefined) return { tag, action: 'add' as const };
        return {
          tag,
          action: former.digest === digest ? ('noop' as const) : ('move' as const),
          from: former.digest,
        };
      }),
    );
    return { repository, reference, digest, tags };
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'REFERENCE_UNKNOWN') throw error;
    return { repository, reference, digest: null, tags: [], problem: toProblem(error) };
  }
}
