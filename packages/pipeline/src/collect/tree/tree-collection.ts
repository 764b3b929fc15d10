/** How much of something there is. */
export interface ObjectCount {
  readonly objects: number;
  readonly bytes: number;
}

/** What a collection of a tree has come to; of a dry run, what it would come to. */
export interface TreeCollection {
  /** The tree's name. */
  readonly tree: string;
  /** The snapshots that stay pullable; null while nothing is published. */
  readonly retained: { readonly from: number; readonly to: number; readonly count: number } | null;
  /** How many objects of the pool they reach; 0 where the collection stopped, as `reasons` says. */
  readonly marked: number;
  /** What nothing retained reaches any more, as was found now. */
  readonly condemned: ObjectCount;
  /** What had been condemned, and is reached again. */
  readonly spared: ObjectCount;
  /** What has left the pool, by a publication. */
  readonly removed: ObjectCount;
  /** Condemned and in the pool still; `nextAt` is when the first of them may leave, null where there is none. */
  readonly waiting: ObjectCount & { readonly nextAt: string | null };
  /** Files of the pool that no list has had for a day, as a publication leaves them that was cut off: they are gone. */
  readonly orphans: ObjectCount;
  /** Lists that were past their time: they are gone. */
  readonly lists: number;
  /** Repositories made anew without the untagged manifests that were past their time. */
  readonly untagged: number;
  /** Sentences: what stands in the way of freeing more, and what would be right. */
  readonly reasons: readonly string[];
}

export interface TreeCollectionProgress {
  readonly step: 'marking' | 'condemning' | 'removing' | 'sweeping';
  /** Objects that the step has looked at so far. */
  readonly objects: number;
}

export interface CollectTreeOptions {
  /** Says what would be done, with right sizes, and writes nothing. */
  readonly dryRun?: boolean;
  /** Called often. Must not throw. */
  readonly onProgress?: (progress: TreeCollectionProgress) => void;
  /** Ends the collection between two of its bits: what is done stays done. */
  readonly signal?: AbortSignal;
}
