import { timeSpan } from '../../time-span.ts';
import type { MarkedStore } from './mark-store.ts';
import type { RunningSync } from './running-syncs.ts';
import type { CollectStoreOptions, StoreCollection } from './store-collection.ts';

/** So many names stand in a sentence. */
const NAMED = 5;

/** What stands in the way of freeing more, and what would be right. */
export function reasonsOf(
  { kept, waiting, missing }: Omit<StoreCollection, 'reasons'>,
  candidates: MarkedStore['candidates'],
  syncs: readonly RunningSync[],
  { sources, graceMs, trees }: CollectStoreOptions,
): string[] {
  const reasons: string[] = [];
  const forGood = sources.filter(({ keep }) => keep === undefined).map(({ name }) => name);
  if (forGood.length > 0) {
    const [what, have] = forGood.length === 1 ? ['The source', 'has'] : ['The sources', 'have'];
    reasons.push(
      `${what} ${listed(forGood)} ${have} no "keep": candidates are kept for good (${candidates.forGood} now). Set sources[].keep to give old ones up.`,
    );
  } else if (candidates.forGood > 0) {
    reasons.push(
      `${candidates.forGood} candidates are of sources that are not configured here: they are kept for good.`,
    );
  }
  const [oldest] = syncs;
  if (waiting.blobs > 0 && oldest !== undefined) {
    reasons.push(
      `A sync of ${oldest.source} runs since ${oldest.startedAt} (task ${oldest.id}): what was condemned less than the grace before it began waits for its end.`,
    );
  }
  if (waiting.nextAt !== null) {
    reasons.push(
      `${waiting.blobs} blobs are condemned and wait for their grace of ${timeSpan(graceMs)} (gc.grace): the first may go from ${waiting.nextAt} on.`,
    );
  }
  if (kept.snapshots.blobs > 0) {
    reasons.push(
      `${kept.snapshots.blobs} blobs are named by retained snapshots of ${listed(trees.map(({ name }) => name))} alone, and stay as long as those can be rolled back to (tree.keepSnapshots, tree.keepSnapshotsFor, tree.keepUntagged).`,
    );
  }
  if (missing.count > 0) {
    reasons.push(
      `${missing.count} manifests or blobs that are needed are not in the store: ${listed(missing.digests, missing.count)}. Sync their repositories again.`,
    );
  }
  return reasons;
}

/** @param count how many there are, where not all have names */
function listed(names: readonly string[], count = names.length): string {
  const shown = names.slice(0, NAMED);
  return count > shown.length ? `${shown.join(', ')} and ${count - shown.length} more` : shown.join(', ');
}
