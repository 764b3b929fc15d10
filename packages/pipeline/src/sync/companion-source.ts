import { type Digest, referrersTag } from '@gantry/oci';
import { type CompanionSource, groupBySubject } from './companions.ts';
import type { Wanted } from './fetch-content.ts';
import type { RepositorySync } from './repository-sync.ts';

/** What cosign calls the companions of an image. */
const COSIGN_SUFFIXES = ['sig', 'att', 'sbom'];

/**
 * What a repository tells of what belongs to its images. Each question is asked once, however many tags of one digest, or
 * images that share a part, want to know.
 * @param companionTags those that the repository lists; undefined: not listed, so the usual names are tried
 */
export function readCompanionSource(
  sync: RepositorySync,
  companionTags: readonly string[] | undefined,
): CompanionSource {
  const { source, sourceRepository, signal } = sync;
  if (!source.referrers) {
    return {
      tagsOf: () => [],
      resolve: () => Promise.resolve(undefined),
      referrersOf: () => Promise.resolve([]),
    };
  }
  const heads = new Map<string, Promise<Wanted | undefined>>();
  const referrers = new Map<Digest, Promise<readonly Wanted[]>>();
  const listed = companionTags === undefined ? undefined : groupBySubject(companionTags);
  return {
    tagsOf: (subject) => (listed === undefined ? usualTags(subject) : (listed.get(subject) ?? [])),
    resolve: (tag) =>
      heads.getOrInsertComputed(tag, () => source.registry.head(sourceRepository, tag, { signal })),
    referrersOf: (subject) =>
      referrers.getOrInsertComputed(
        subject,
        async () => (await source.registry.referrers(sourceRepository, subject, { signal })) ?? [],
      ),
  };
}

function usualTags(subject: Digest): string[] {
  const tag = referrersTag(subject);
  return [tag, ...COSIGN_SUFFIXES.map((suffix) => `${tag}.${suffix}`)];
}
