import type { Catalog } from '@gantry/catalog';
import type { Digest } from '@gantry/oci';
import { allPages } from '../../take-back/all-pages.ts';
import { manifestsOver } from '../store/delete-going.ts';
import { rootsOf } from '../store/roots-of.ts';
import type { RepairItem } from './scrub-state.ts';

/** What is not whole without a blob, and where it can be fetched again. */
export interface Holders {
  /** Manifests, the nearest first; the blob itself among them, which may be one. */
  readonly levels: readonly (readonly Digest[])[];
  readonly items: readonly RepairItem[];
}

/** All that stands in either. */
export function joinItems(some: readonly RepairItem[], more: readonly RepairItem[]): readonly RepairItem[] {
  const byPlace = Map.groupBy([...some, ...more], (item) => `${item.source} ${item.sourceRepository}`);
  return [...byPlace.values()].map(([first, ...rest]) => {
    const digests = new Set([first, ...rest].flatMap((item) => item?.digests ?? []));
    return { ...(first as RepairItem), digests: [...digests].toSorted() };
  });
}

/** Looks for them by candidates, also those that were given up, and by what channels have of their repositories. */
export async function findHolders(catalog: Catalog, digest: Digest): Promise<Holders> {
  const levels = await manifestsOver(catalog, [digest]);
  const over = new Set(levels.flat());
  const items = new Map<string, { source: string; sourceRepository: string; digests: Set<Digest> }>();
  const add = (source: string, sourceRepository: string, roots: readonly Digest[]) => {
    const item = items.getOrInsertComputed(`${source} ${sourceRepository}`, () => ({
      source,
      sourceRepository,
      digests: new Set<Digest>(),
    }));
    for (const root of roots) if (over.has(root)) item.digests.add(root);
  };
  for (const one of over) {
    for await (const candidate of allPages((page) => catalog.candidates.holding(one, page)))
      add(candidate.source, candidate.sourceRepository, rootsOf(candidate));
    for await (const tag of allPages((page) => catalog.channels.holding(one, page))) {
      const from = await catalog.candidates.sourceOf(tag.repository);
      if (from !== undefined) add(from.source, from.sourceRepository, rootsOf(tag));
    }
  }
  return {
    levels,
    items: [...items.values()].map(({ digests, ...where }) => ({
      ...where,
      digests: [...digests].toSorted(),
    })),
  };
}
