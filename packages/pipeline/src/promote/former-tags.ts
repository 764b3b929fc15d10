import type { Catalog } from '@gantry/catalog';
import { type Digest, forEachConcurrently } from '@gantry/oci';

/** From so many tags of one repository on, all that it has are read at once. */
const MANY_TAGS = 64;
const LOOK_UPS_AT_ONCE = 32;

/** What tags of a channel mean. */
export interface FormerTags {
  /** undefined: there is no such tag. */
  of(repository: string, tag: string): Digest | undefined;
}

/** Looks up what tags mean in a channel now. @param wanted each repository with the tags that matter */
export async function readFormerTags(
  { channels }: Pick<Catalog, 'channels'>,
  channel: string,
  wanted: Iterable<{ readonly repository: string; readonly tags: readonly string[] }>,
): Promise<FormerTags> {
  const names = new Map<string, Set<string>>();
  for (const { repository, tags } of wanted) {
    const known = names.getOrInsertComputed(repository, () => new Set());
    for (const tag of tags) known.add(tag);
  }
  const found = new Map<string, Map<string, Digest>>();
  await forEachConcurrently(names, LOOK_UPS_AT_ONCE, async ([repository, tags]) => {
    const entries =
      tags.size < MANY_TAGS
        ? await Promise.all([...tags].map((tag) => channels.tag(channel, repository, tag)))
        : await channels.tagsOf(channel, repository);
    found.set(
      repository,
      new Map(entries.flatMap((entry) => (entry === undefined ? [] : [[entry.tag, entry.digest]]))),
    );
  });
  return { of: (repository, tag) => found.get(repository)?.get(tag) };
}
