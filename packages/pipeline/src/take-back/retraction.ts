import type { Promotion, PromotionItem } from '@gantry/catalog';
import { Fault, parseRepositoryName, parseTag } from '@gantry/oci';
import type { Channel, Flow } from '../context.ts';
import { acceptOnce } from '../promote/accept.ts';
import { findChannel, type Requester } from '../promote/request.ts';
import { inTreeOf } from '../publish/trees.ts';

/** What is to be taken out of a channel: a tag, or all tags of a repository as they stand. */
export interface RetractionRequest {
  readonly channel: string;
  /** The published name, without the channel's prefix. */
  readonly repository: string;
  readonly tag?: string;
  readonly reason?: string;
}

/** So many names stand in a message that says what there is. */
const NAMES_MAX = 10;

/**
 * Accepts a retraction: a promotion that takes tags out of a channel. Channels that take from it keep theirs. A promotion
 * that was accepted before it does not bring them back, whenever it comes to be published.
 * @throws Fault CHANNEL_UNKNOWN, NAME_UNKNOWN, REFERENCE_UNKNOWN, each of which names what there is; CONFLICT for what was
 * taken out already; NAME_INVALID, TAG_INVALID, IDEMPOTENCY_KEY_REUSED
 */
export async function acceptRetraction(
  flow: Flow,
  channels: readonly Channel[],
  request: RetractionRequest,
  requester: Requester,
): Promise<{ promotion: Promotion; created: boolean }> {
  const channel = findChannel(request.channel, channels);
  parseRepositoryName(request.repository);
  if (request.tag !== undefined) parseTag(request.tag);
  return acceptOnce(flow, { retract: request }, requester, async () => ({
    kind: 'retract',
    to: channel.name,
    ...inTreeOf(channel),
    atomic: false,
    items: [await toItem(flow, channel, request)],
    ...(request.reason === undefined ? {} : { reason: request.reason }),
  }));
}

async function toItem(
  flow: Flow,
  { name: channel }: Channel,
  { repository, tag }: RetractionRequest,
): Promise<PromotionItem> {
  const tags = (await flow.catalog.channels.tagsOf(channel, repository)).map((one) => one.tag);
  if (tag === undefined ? tags.length === 0 : !tags.includes(tag))
    throw await nothingToRetract(flow, channel, { repository, ...(tag !== undefined && { tag }) }, tags);
  return {
    channel,
    repository,
    reference: tag ?? '*',
    digest: null,
    tags: tag === undefined ? tags : [tag],
    companions: [],
    referrers: [],
    state: 'accepted',
  };
}

async function nothingToRetract(
  { catalog }: Pick<Flow, 'catalog'>,
  channel: string,
  { repository, tag }: { readonly repository: string; readonly tag?: string },
  tags: readonly string[],
): Promise<Fault> {
  const details = { channel, repository, tag };
  const name = tag === undefined ? repository : `${repository}:${tag}`;
  const former = await catalog.retractions.of(channel, repository);
  const taken = former.find((one) => tag === undefined || one.tag === tag);
  if (taken !== undefined) {
    const { promotion } = taken;
    return new Fault(
      'CONFLICT',
      `${name} was taken out of the channel ${channel} already, by the promotion ${promotion}`,
      { ...details, promotion },
    );
  }
  if (tags.length > 0)
    return new Fault(
      'REFERENCE_UNKNOWN',
      `the channel ${channel} has no tag ${name}: of ${repository} there are ${listed(tags)}`,
      details,
    );
  const { items, next } = await catalog.channels.repositories(channel, { limit: NAMES_MAX });
  const there = items.length === 0 ? 'it is empty' : `there are ${listed(items, next !== null)}`;
  return new Fault(
    'NAME_UNKNOWN',
    `the channel ${channel} has no repository ${repository}: ${there}`,
    details,
  );
}

function listed(names: readonly string[], areMore = names.length > NAMES_MAX): string {
  const some = names.slice(0, NAMES_MAX).join(', ');
  return areMore ? `${some} and more` : some;
}
