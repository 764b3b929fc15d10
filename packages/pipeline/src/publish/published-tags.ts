import type { Catalog, ChannelTag } from '@gantry/catalog';
import { type Digest, subjectOfCompanionTag } from '@gantry/oci';
import type { TagMove } from './apply-promotions.ts';
import { type ChannelRepository, tagsReaching } from './tags-reaching.ts';

/** The channel's tags, and the companion tags of each. Where two tags carry one companion, the later promotion's is it. */
export function publishedTags(tags: readonly ChannelTag[]): Map<string, Digest> {
  const published = new Map<string, Digest>();
  for (const { companions } of tags.toSorted((a, b) => (a.promotedAt < b.promotedAt ? -1 : 1))) {
    for (const companion of companions) published.set(companion.tag, companion.digest);
  }
  for (const { tag, digest } of tags) published.set(tag, digest);
  return published;
}

/**
 * What the tags that moved mean in the document now, and the companion tags that came and went with them; undefined: it has
 * none of that name.
 * @param isKnown whether the tags that moved reach a manifest, or have reached it
 * @returns undefined when only a look at all tags can tell
 */
export async function tagsAfter(
  catalog: Pick<Catalog, 'channels' | 'manifests'>,
  place: ChannelRepository,
  moves: readonly TagMove[],
  isKnown: (digest: Digest) => boolean,
): Promise<ReadonlyMap<string, Digest | undefined> | undefined> {
  const after = new Map<string, Digest | undefined>();
  const moved = new Map(moves.map(({ tag, to }) => [tag, to]));
  const companions = moves
    .flatMap(({ from, to }) => [...(from?.companions ?? []), ...(to?.companions ?? [])])
    .map(({ tag }) => tag);
  const subjects = companions.map(subjectOfCompanionTag);
  // Others that carry one of them are found by what it is named after.
  if (!subjects.every((subject) => subject !== undefined && isKnown(subject))) return undefined;
  for (const name of new Set([...moved.keys(), ...companions])) {
    const own = moved.has(name)
      ? moved.get(name)
      : await catalog.channels.tag(place.channel, place.repository, name);
    if (own !== undefined) {
      after.set(name, own.digest);
      continue;
    }
    const carrying = await carriersOf(catalog, place, name);
    if (carrying === undefined) return undefined;
    after.set(name, publishedTags(carrying).get(name));
  }
  return after;
}

/** The tags that a companion of that name goes with: they all reach what it is named after. */
async function carriersOf(
  catalog: Pick<Catalog, 'channels' | 'manifests'>,
  place: ChannelRepository,
  name: string,
): Promise<readonly ChannelTag[] | undefined> {
  const subject = subjectOfCompanionTag(name);
  if (subject === undefined) return [];
  const reaching = await tagsReaching(catalog, place, subject);
  return reaching && [...reaching.values()].toSorted((a, b) => (a.tag < b.tag ? -1 : 1));
}
