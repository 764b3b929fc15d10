import type { Descriptor, Digest } from '@gantry/oci';
import type { FoundManifest, Repository } from '../repositories/repository.ts';
import type { FactsReader, ManifestFacts } from './manifest-facts.ts';

/** What a page tells of one tag. */
export interface DescribedTag {
  readonly tag: string;
  readonly digest: Digest;
  readonly description?: string;
  /** What it is, where it is no container image. */
  readonly artifactType?: string;
  readonly platforms: readonly DescribedPlatform[];
  /** There are more platforms than stand there. */
  readonly hasMore: boolean;
  /** Whether there are signatures, attestations or the like. */
  readonly hasReferrers: boolean;
}

export interface DescribedPlatform {
  readonly platform: string;
  /** What a pull of it transfers, in bytes; absent where its manifest was not read. */
  readonly contentBytes?: number;
}

/** So many documents are read for one page; what lies beyond is told of without sizes. */
export const MAX_READS = 200;
const READS_AT_ONCE = 8;
/** And none is begun any more after so long: a tree's server may be slow. */
const READING_MS = 3000;

/**
 * Reads what a page tells of some tags: their manifests, then the children of indexes and the configs of images.
 * @param onUnreadable is told of each document that can't be read; the page leaves its detail out, and no more
 */
export async function describeTags(
  tags: readonly string[],
  repository: Repository,
  reader: FactsReader,
  onUnreadable: (error: unknown) => void,
): Promise<DescribedTag[]> {
  let reads = MAX_READS;
  const endAt = performance.now() + READING_MS;
  const facts = new Map<Digest, ManifestFacts>();
  const platforms = new Map<Digest, string>();

  const readAll = async <T>(items: readonly T[], read: (item: T) => Promise<void>): Promise<void> => {
    const within = items.slice(0, reads);
    reads -= within.length;
    for (let at = 0; at < within.length && performance.now() < endAt; at += READS_AT_ONCE) {
      await Promise.all(within.slice(at, at + READS_AT_ONCE).map((item) => read(item).catch(onUnreadable)));
    }
  };

  const readFacts = async (manifests: readonly FoundManifest[]): Promise<void> => {
    const missing = new Map<Digest, FoundManifest>();
    for (const found of manifests) {
      const known = reader.known(found.digest);
      if (known === undefined) missing.set(found.digest, found);
      else facts.set(found.digest, known);
    }
    await readAll([...missing.values()], async (found) => {
      const read = await reader.read(found);
      if (read !== undefined) facts.set(found.digest, read);
    });
  };

  const readPlatforms = async (configs: readonly Descriptor[]): Promise<void> => {
    const missing = new Map<Digest, Descriptor>();
    for (const config of configs) {
      const known = reader.knownPlatform(config);
      if (known === undefined) missing.set(config.digest, config);
      else platforms.set(config.digest, known);
    }
    await readAll([...missing.values()], async (config) => {
      const platform = await reader.readPlatform(config);
      if (platform !== undefined) platforms.set(config.digest, platform);
    });
  };

  const tagged = tags.flatMap((tag) => {
    const found = repository.manifest({ tag });
    return found === undefined ? [] : [{ tag, found }];
  });
  await readFacts(tagged.map(({ found }) => found));
  const factsOfTags = tagged.map(({ found }) => facts.get(found.digest));
  const children = factsOfTags.flatMap((known) => known?.children ?? []);
  await readFacts(children.flatMap(({ digest }) => repository.manifest({ digest }) ?? []));
  await readPlatforms(factsOfTags.flatMap((known) => known?.config ?? []));

  return tagged.map(({ tag, found }) => {
    const known = facts.get(found.digest);
    return {
      tag,
      digest: found.digest,
      platforms: known === undefined ? [] : platformsOf(known, repository, facts, platforms),
      hasMore: known?.hasMore ?? false,
      hasReferrers: repository.referrers(found.digest) !== undefined,
      ...(known?.description !== undefined && { description: known.description }),
      ...(known?.artifactType !== undefined && { artifactType: known.artifactType }),
    };
  });
}

/** An index names platforms that were never taken into the tree: those can't be pulled, and are left out. */
function platformsOf(
  known: ManifestFacts,
  repository: Repository,
  facts: ReadonlyMap<Digest, ManifestFacts>,
  platforms: ReadonlyMap<Digest, string>,
): DescribedPlatform[] {
  if (known.children.length > 0) {
    return known.children
      .filter(({ digest }) => repository.manifest({ digest }) !== undefined)
      .map(({ digest, platform }) => {
        const child = facts.get(digest);
        return { platform, ...(child !== undefined && { contentBytes: child.contentBytes }) };
      });
  }
  const { config, contentBytes } = known;
  if (contentBytes === 0) return [];
  const platform = config === undefined ? undefined : platforms.get(config.digest);
  return [{ platform: platform ?? 'any', contentBytes }];
}
