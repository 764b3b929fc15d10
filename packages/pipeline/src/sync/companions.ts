import type { Catalog, CompanionTag, Companions } from '@gantry/catalog';
import { type Digest, Fault, subjectOfCompanionTag } from '@gantry/oci';
import { readContentGraph } from '../content-graph.ts';
import type { ContentFetcher, FetchFrom, Wanted } from './fetch-content.ts';

/** What a repository of the source tells of what belongs to its images. */
export interface CompanionSource {
  /** Companion tags of a manifest, by the digest that their name holds. They may not be there after all. */
  tagsOf(subject: Digest): readonly string[];
  /** What a companion tag means now; undefined if it has gone. Asked once a tag. */
  resolve(tag: string): Promise<Wanted | undefined>;
  /** Referrers of a manifest by the API; empty where there is none. */
  referrersOf(subject: Digest): Promise<readonly Wanted[]>;
}

/** The companion tags of a repository, by their subject. */
export function groupBySubject(tags: Iterable<string>): Map<Digest, string[]> {
  const bySubject = new Map<Digest, string[]>();
  for (const tag of tags) {
    const subject = subjectOfCompanionTag(tag);
    if (subject !== undefined) bySubject.getOrInsertComputed(subject, () => []).push(tag);
  }
  return bySubject;
}

/**
 * Fetches all that belongs to an image, and what belongs to that (an SBOM's signature), until nothing new turns up.
 * The image itself is in the store already. What was purged of it is left out: it does not hold back what it belongs to.
 * @param onPurged told of what is left out
 */
export async function fetchCompanions(
  catalog: Catalog,
  fetcher: ContentFetcher,
  image: Digest,
  source: CompanionSource,
  from: FetchFrom,
  onPurged: (fault: Fault) => void,
): Promise<Companions> {
  const companions = new Map<string, CompanionTag>();
  const asked = new Set<Digest>();
  const reached = new Set<Digest>((await readContentGraph(catalog, [image])).manifests.keys());
  const imageOnly = new Set(reached);
  const fetch = async (manifest: Wanted) => {
    try {
      await fetcher.fetchGraph(manifest, from);
      return true;
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== 'PURGED') throw error;
      onPurged(error);
      return false;
    }
  };
  let fresh = [...reached];
  while (fresh.length > 0) {
    const roots = await Promise.all(
      fresh.map(async (subject) => {
        asked.add(subject);
        const referrers = await source.referrersOf(subject);
        const tagged: { readonly tag: string; readonly target: Wanted }[] = [];
        for (const tag of source.tagsOf(subject)) {
          const target = await source.resolve(tag);
          if (target !== undefined) tagged.push({ tag, target });
        }
        const wanted = [...referrers, ...tagged.map(({ target }) => target)];
        const fetched = await Promise.all(wanted.map(fetch));
        const here = new Set(wanted.filter((_, at) => fetched[at]).map(({ digest }) => digest));
        for (const { tag, target } of tagged)
          if (here.has(target.digest)) companions.set(tag, { tag, digest: target.digest });
        return [...here];
      }),
    );
    for (const digest of (await readContentGraph(catalog, roots.flat())).manifests.keys())
      reached.add(digest);
    fresh = [...reached].filter((digest) => !asked.has(digest));
  }

  const records = await catalog.manifests.getAll([...reached]);
  const referrers = [...records.values()]
    .filter(({ digest, subject }) => !imageOnly.has(digest) && subject !== undefined && reached.has(subject))
    .map(({ digest }) => digest);
  return {
    companions: [...companions.values()].toSorted((a, b) => (a.tag < b.tag ? -1 : 1)),
    referrers: referrers.toSorted(),
  };
}
