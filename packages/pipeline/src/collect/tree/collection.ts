import type { PublishContext } from '../../publish/published-tree.ts';
import type { CollectionBits } from './bits.ts';
import type { TreeMark } from './mark.ts';
import type { ObjectCount, TreeCollectionProgress } from './tree-collection.ts';

/** One collection of a tree on its way. */
export interface Collection extends Pick<PublishContext, 'flow' | 'tree'> {
  readonly mark: TreeMark;
  /** What writes; absent for a dry run. */
  readonly bits?: CollectionBits;
  /** When it began. */
  readonly now: Date;
  readonly signal: AbortSignal | undefined;
  readonly progress: (step: TreeCollectionProgress['step'], objects: number) => void;
  /** Takes a sentence for the report. */
  readonly because: (reason: string) => void;
}

export const NOTHING: ObjectCount = { objects: 0, bytes: 0 };

export function countOf(objects: Iterable<{ readonly size: number }>): ObjectCount {
  let count = NOTHING;
  for (const { size } of objects) count = { objects: count.objects + 1, bytes: count.bytes + size };
  return count;
}

export function sum(one: ObjectCount, other: ObjectCount): ObjectCount {
  return { objects: one.objects + other.objects, bytes: one.bytes + other.bytes };
}

/** Condemned at that time or before, an object has had its grace. */
export function condemnedBefore({ tree, now }: Pick<Collection, 'tree' | 'now'>): string {
  return new Date(now.getTime() - tree.retention.graceMs).toISOString();
}
