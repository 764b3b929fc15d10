import type { Candidate } from '@gantry/catalog';
import { forEachConcurrently } from '@gantry/oci';
import type { Flow } from '../context.ts';
import { allPages } from './all-pages.ts';
import { type PurgedContent, withoutPurged } from './purged-content.ts';

const WRITES_AT_ONCE = 16;

/** The candidates that hold what a purge takes away. */
export async function candidatesHolding(
  { catalog }: Pick<Flow, 'catalog'>,
  { digest, manifests }: PurgedContent,
): Promise<Candidate[]> {
  const found = new Map<string, Candidate>();
  await forEachConcurrently(new Set([digest, ...manifests]), WRITES_AT_ONCE, async (one) => {
    for await (const candidate of allPages((page) => catalog.candidates.holding(one, page))) {
      const { source, repository, tag } = candidate;
      found.set(`${source} ${repository}:${tag}@${candidate.digest}`, candidate);
    }
  });
  return [...found.values()];
}

/**
 * Takes away the candidates that are not whole any more. One that was only signed by what is purged, or the like, loses
 * that if it is its tag's newest; an older one keeps it in its record, and is promoted without it.
 * @returns how many were taken away
 */
export async function removeCandidates(flow: Pick<Flow, 'catalog'>, content: PurgedContent): Promise<number> {
  const { candidates } = flow.catalog;
  const all = await candidatesHolding(flow, content);
  const gone = all.filter(({ digest }) => content.manifests.has(digest));
  await candidates.remove(gone);
  const others = all.filter(({ digest }) => !content.manifests.has(digest));
  await forEachConcurrently(others, WRITES_AT_ONCE, async ({ source, repository, tag, digest }) => {
    const turn = await candidates.turn();
    const current = await candidates.current(repository, tag);
    if (current?.digest === digest && current.source === source)
      await candidates.put(withoutPurged(current, content), [], turn);
  });
  return gone.length;
}
