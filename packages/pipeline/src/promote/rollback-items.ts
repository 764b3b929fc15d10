import type { ChannelTag, Companions, Promotion, PromotionItem, PromotionState } from '@gantry/catalog';
import { type Digest, forEachConcurrently } from '@gantry/oci';
import { differingRepositories, type RepositoryDocument, type TreeView } from '@gantry/tree';
import type { Channel, Flow } from '../context.ts';
import { channelTags } from '../rebuild/channel-tags.ts';

const REPOSITORIES_AT_ONCE = 8;
/** Of promotions that have not come to an end. */
const OPEN: readonly PromotionState[] = ['queued', 'gating', 'promoting', 'publishing'];

/** Two states of a tree. */
export interface TwoStates {
  readonly former: TreeView;
  readonly present: TreeView;
}

/** A repository of a channel, with its documents in both states; absent: it was not there, or is not. */
interface Both {
  readonly channel: Channel;
  readonly repository: string;
  readonly former: RepositoryDocument | undefined;
  readonly present: RepositoryDocument | undefined;
}

/** What goes back, and what there is nothing of. */
export interface GoingBack {
  readonly items: readonly PromotionItem[];
  /** Repositories that were asked for and are in neither state of any of the channels. */
  readonly unknown: readonly string[];
}

/**
 * The items that make the tags of channels what they were, with the signatures and the like that stood beside them then.
 * Also tags that promotions on their way would change: they were accepted before, and are not to come after it.
 * @param wanted names without a prefix; absent: all repositories
 */
export async function itemsGoingBack(
  flow: Pick<Flow, 'catalog'>,
  channels: readonly Channel[],
  states: TwoStates,
  wanted: readonly string[] | undefined,
): Promise<GoingBack> {
  const open = await tagsOnTheirWay(flow, channels);
  const seen = new Set<string>();
  const found: { readonly name: string; readonly items: readonly PromotionItem[] }[] = [];
  const names = wanted === undefined ? await allNames(channels, states, open) : namesOf(channels, wanted);
  await forEachConcurrently(names, REPOSITORIES_AT_ONCE, async ({ channel, repository }) => {
    const name = `${channel.prefix}${repository}`;
    const both = {
      channel,
      repository,
      former: ofChannel(await states.former.repository(name), channel),
      present: ofChannel(await states.present.repository(name), channel),
    };
    const items = await toItems(flow, both, open.get(keyOf(channel, repository)), states.former);
    const isKnown = both.former !== undefined || both.present !== undefined || items.length > 0;
    if (isKnown) seen.add(repository);
    if (items.length > 0) found.push({ name, items });
  });
  return {
    items: found.toSorted((a, b) => (a.name < b.name ? -1 : 1)).flatMap(({ items }) => items),
    unknown: (wanted ?? []).filter((repository) => !seen.has(repository)),
  };
}

type Name = Pick<Both, 'channel' | 'repository'>;

function namesOf(channels: readonly Channel[], repositories: readonly string[]): Name[] {
  return channels.flatMap((channel) =>
    [...new Set(repositories)].map((repository) => ({ channel, repository })),
  );
}

/** What differs in the tree, and what open promotions are about. */
async function allNames(
  channels: readonly Channel[],
  { former, present }: TwoStates,
  open: OpenTags,
): Promise<Iterable<Name>> {
  const names = new Map<string, Name>();
  for await (const published of differingRepositories(present, former)) {
    for (const channel of channels) {
      if (!published.startsWith(channel.prefix)) continue;
      const repository = published.slice(channel.prefix.length);
      names.set(keyOf(channel, repository), { channel, repository });
    }
  }
  for (const [key, { name }] of open) names.set(key, name);
  return names.values();
}

/** Another channel with a shorter prefix may have the same name in the tree. */
function ofChannel(
  document: RepositoryDocument | undefined,
  { name }: Channel,
): RepositoryDocument | undefined {
  return document?.channel === name ? document : undefined;
}

type OpenTags = ReadonlyMap<string, { readonly name: Name; readonly tags: ReadonlySet<string> }>;

async function tagsOnTheirWay(
  { catalog }: Pick<Flow, 'catalog'>,
  channels: readonly Channel[],
): Promise<OpenTags> {
  const found = new Map<string, { readonly name: Name; readonly tags: Set<string> }>();
  const open = (await catalog.promotions.inStates(OPEN)).filter((promotion) => !waitsForGates(promotion));
  for (const item of open.flatMap(({ items }) => items)) {
    const channel = channels.find(({ name }) => name === item.channel);
    if (channel === undefined || item.state !== 'accepted') continue;
    const { repository } = item;
    const { tags } = found.getOrInsertComputed(keyOf(channel, repository), () => ({
      name: { channel, repository },
      tags: new Set(),
    }));
    for (const tag of item.tags) tags.add(tag);
  }
  return found;
}

/** Whoever lets it pass later on decides so after the rollback. */
function waitsForGates({ state, gates = [] }: Promotion): boolean {
  return state === 'gating' && gates.some((verdict) => verdict.state === 'waiting');
}

function keyOf({ name }: Channel, repository: string): string {
  return `${name} ${repository}`;
}

/** Items that make a repository's tags what they were: one for each image with what goes with it, one for all tags that go. */
async function toItems(
  flow: Pick<Flow, 'catalog'>,
  { channel, repository, former, present }: Both,
  open: { readonly tags: ReadonlySet<string> } | undefined,
  { statement }: TreeView,
): Promise<PromotionItem[]> {
  const held = await flow.catalog.channels.tagsOf(channel.name, repository);
  const digests = new Map(held.map(({ tag, digest }) => [tag, digest]));
  const tagsThen = await tagsIn(flow, { channel, repository }, former);
  const tagsNow = await tagsIn(flow, { channel, repository }, present);
  const set = new Map<string, { readonly digest: Digest; readonly tags: string[] } & Companions>();
  const back = (tag: string, image: { readonly digest: Digest } & Companions) => {
    const { digest, companions, referrers } = image;
    const key = JSON.stringify([digest, companions, referrers]);
    set.getOrInsertComputed(key, () => ({ digest, tags: [], companions, referrers })).tags.push(tag);
  };
  for (const [tag, image] of tagsThen) {
    const isAsItWas = digests.get(tag) === image.digest && hasSame(image, tagsNow.get(tag));
    if (!isAsItWas || open?.tags.has(tag) === true) back(tag, image);
  }
  const gone = new Set(
    [...digests.keys(), ...(open?.tags ?? [])].filter((tag) => former?.tags.has(tag) !== true),
  );

  const common = {
    channel: channel.name,
    repository,
    reference: `serial ${statement.serial}`,
    state: 'accepted' as const,
  };
  const items: PromotionItem[] = [...set.values()].map((image) => ({ ...common, ...image }));
  if (gone.size > 0)
    items.push({ ...common, digest: null, tags: [...gone].toSorted(), companions: [], referrers: [] });
  return items;
}

/** The tags of a channel as a document tells them. */
async function tagsIn(
  { catalog }: Pick<Flow, 'catalog'>,
  place: Name,
  document: RepositoryDocument | undefined,
): Promise<Map<string, ChannelTag>> {
  if (document === undefined) return new Map();
  const records = await catalog.manifests.getAll([...document.manifests.keys()]);
  const tags = channelTags(document, place, records, '', () => '');
  return new Map(tags.map((tag) => [tag.tag, tag]));
}

function hasSame(one: Companions, other: Companions | undefined): boolean {
  return other !== undefined && told(one) === told(other);
}

function told({ companions, referrers }: Companions): string {
  return JSON.stringify([companions, referrers]);
}
