import type { Catalog, ChannelTag, ManifestRecord } from '@gantry/catalog';
import type { Digest } from '@gantry/oci';
import { allPages } from '../take-back/all-pages.ts';

/** One repository of a channel. */
export interface ChannelRepository {
  readonly channel: string;
  readonly repository: string;
}

/** How many look-ups are made upwards from one manifest, before the whole repository is the cheaper way. */
const LOOKED_AT = 2000;

/**
 * The tags of a repository that reach a manifest: found upwards, by who names it, and not by looking at all tags.
 * @returns undefined when so much leads to it that the whole repository is read sooner
 */
export async function tagsReaching(
  { channels, manifests }: Pick<Catalog, 'channels' | 'manifests'>,
  { channel, repository }: ChannelRepository,
  digest: Digest,
): Promise<ReadonlyMap<string, ChannelTag> | undefined> {
  const tags = new Map<string, ChannelTag>();
  const seen = new Set([digest]);
  let looked = 0;
  for (const one of seen) {
    for await (const tag of allPages((page) => channels.holding(one, page))) {
      if (++looked > LOOKED_AT) return undefined;
      if (tag.channel === channel && tag.repository === repository) tags.set(tag.tag, tag);
    }
    for await (const named of allPages((page) => manifests.naming(one, page))) {
      if (++looked > LOOKED_AT) return undefined;
      if (named.as === 'manifest') seen.add(named.digest);
    }
  }
  return tags;
}

/**
 * Which of some manifests are reached by a tag of the repository still.
 * @param left those of which some tag has let go, with all that is under them
 * @param isReached whether any other manifest is reached, as far as it is known
 */
export async function stillReached(
  catalog: Pick<Catalog, 'channels' | 'manifests'>,
  place: ChannelRepository,
  left: ReadonlyMap<Digest, ManifestRecord>,
  isReached: (digest: Digest) => Promise<boolean>,
): Promise<ReadonlySet<Digest>> {
  const reached = new Set<Digest>();
  await Promise.all(
    left.keys().map(async (digest) => {
      const isNamed = (await isRoot(catalog, place, digest)) || (await hasOtherParent(digest));
      if (isNamed) reached.add(digest);
    }),
  );
  for (const digest of reached) {
    for (const child of left.get(digest)?.manifests ?? []) if (left.has(child)) reached.add(child);
  }
  return reached;

  async function hasOtherParent(digest: Digest): Promise<boolean> {
    for await (const parent of allPages((page) => catalog.manifests.naming(digest, page))) {
      if (parent.as === 'manifest' && !left.has(parent.digest) && (await isReached(parent.digest)))
        return true;
    }
    return false;
  }
}

/** Whether a tag of the repository has the manifest as its own, or as what goes with that. */
async function isRoot(
  { channels }: Pick<Catalog, 'channels'>,
  { channel, repository }: ChannelRepository,
  digest: Digest,
): Promise<boolean> {
  if ((await channels.byDigest(channel, repository, digest)) !== undefined) return true;
  for await (const tag of allPages((page) => channels.holding(digest, page))) {
    if (tag.channel === channel && tag.repository === repository) return true;
  }
  return false;
}
