import type { Digest } from '@gantry/oci';
import type { PublishedTree } from '../../publish/published-tree.ts';
import type { KeepRule } from './keep-candidates.ts';

/** How much of something there is. */
export interface BlobCount {
  readonly blobs: number;
  readonly bytes: number;
}

/** What a blob may be kept for. It counts for the first of these that reaches it. */
export const KEPT_FOR = ['candidates', 'plans', 'promotions', 'channels', 'snapshots'] as const;
export type KeptFor = (typeof KEPT_FOR)[number];

/** What a collection of the store has come to; of a dry run, what it would come to. */
export interface StoreCollection {
  /** What stays, by what reaches it. */
  readonly kept: Readonly<Record<KeptFor, BlobCount>>;
  /** Candidates that stay, and those whose content was given up now, as `sources[].keep` says. */
  readonly candidates: { readonly kept: number; readonly givenUp: number };
  /** What nothing reaches, as was found now. */
  readonly condemned: BlobCount;
  /** What had been condemned, and is reached again. */
  readonly spared: BlobCount;
  /** What is deleted. */
  readonly freed: BlobCount;
  /** Condemned and in the store still; `nextAt` is when the first of them may go, null where there is none. */
  readonly waiting: BlobCount & { readonly nextAt: string | null };
  /** What is reached and is not in the store, the first thousand by name. */
  readonly missing: { readonly count: number; readonly digests: readonly Digest[] };
  /** Sentences: what stands in the way of freeing more, and what would be right. */
  readonly reasons: readonly string[];
}

export interface StoreCollectionProgress {
  readonly step: 'marking' | 'sweeping';
  /** Blobs that the step has looked at so far, and their bytes. */
  readonly blobs: number;
  readonly bytes: number;
}

export interface CollectStoreOptions {
  /** All sources that are configured. One without `keep` keeps all of its candidates, and so does one that is not here. */
  readonly sources: readonly { readonly name: string; readonly keep?: KeepRule }[];
  /** All trees: what their retained snapshots name stays. */
  readonly trees: readonly PublishedTree[];
  /** How long what nothing reaches lies there still. */
  readonly graceMs: number;
  /** Says what would be done, with right sizes, and writes nothing. */
  readonly dryRun?: boolean;
  /** Called often. Must not throw. */
  readonly onProgress?: (progress: StoreCollectionProgress) => void;
  /** Ends the collection between two of its bits: what is done stays done. */
  readonly signal?: AbortSignal;
}
