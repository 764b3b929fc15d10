import type { Catalog, ChannelTag, Promotion, Retraction } from '@gantry/catalog';
import { forEachConcurrently } from '@gantry/oci';
import type { TagState, TagStates } from './decide-changes.ts';

const READS_AT_ONCE = 16;
/** From so many tags of a repository on all that it has are read at once. */
const MANY_TAGS = 32;
const NOTHING: TagState = { digest: null, sequence: 0 };

/** Reads what the tags of some promotions mean in their channels, and which promotion made them so. */
export async function readTagStates(catalog: Catalog, promotions: readonly Promotion[]): Promise<TagStates> {
  const wanted = new Map<string, { channel: string; repository: string; tags: Set<string> }>();
  for (const { items } of promotions) {
    for (const { channel, repository, state, tags } of items) {
      if (state !== 'accepted') continue;
      const one = wanted.getOrInsertComputed(`${channel} ${repository}`, () => ({
        channel,
        repository,
        tags: new Set(),
      }));
      for (const tag of tags) one.tags.add(tag);
    }
  }
  const sequences = new Map(promotions.map(({ id, sequence }) => [id, Promise.resolve(sequence)]));
  const sequenceOf = (id: string) =>
    sequences.getOrInsertComputed(id, async () => (await catalog.promotions.get(id))?.sequence ?? 0);

  const states = new Map<string, TagState>();
  await forEachConcurrently(wanted.values(), READS_AT_ONCE, async ({ channel, repository, tags }) => {
    const present = await readTags(catalog, channel, repository, tags);
    const retracted = new Map(
      (await catalog.retractions.of(channel, repository)).map((retraction) => [retraction.tag, retraction]),
    );
    for (const tag of tags) {
      const entry = present.get(tag);
      const sequence = entry === undefined ? 0 : await sequenceOf(entry.promotion);
      states.set(`${channel} ${repository}:${tag}`, stateOf(entry, sequence, retracted.get(tag)));
    }
  });
  return (channel, repository, tag) => states.get(`${channel} ${repository}:${tag}`) ?? NOTHING;
}

/** A tag that was to be taken out, and is still there as its publisher died, is of the promotion that takes it out. */
function stateOf(
  entry: ChannelTag | undefined,
  sequence: number,
  retraction: Retraction | undefined,
): TagState {
  const digest = entry?.digest ?? null;
  if (retraction !== undefined && retraction.sequence > sequence)
    return {
      digest,
      sequence: retraction.sequence,
      ...(entry === undefined ? { promotion: retraction.promotion } : { entry }),
    };
  if (entry === undefined) return NOTHING;
  const { promotion, promotedAt, since = promotedAt } = entry;
  return { digest, sequence, promotion, since, entry };
}

async function readTags(
  { channels }: Pick<Catalog, 'channels'>,
  channel: string,
  repository: string,
  tags: ReadonlySet<string>,
): Promise<Map<string, ChannelTag>> {
  const entries =
    tags.size < MANY_TAGS
      ? await Promise.all([...tags].map((tag) => channels.tag(channel, repository, tag)))
      : await channels.tagsOf(channel, repository);
  return new Map(entries.flatMap((entry) => (entry === undefined ? [] : [[entry.tag, entry]])));
}
