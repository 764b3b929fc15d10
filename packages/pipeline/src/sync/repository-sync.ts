import type { Digest } from '@gantry/oci';
import type { BringBack } from '../collect/store/bring-back.ts';
import type { Flow } from '../context.ts';
import type { AnnouncedTag } from './announced-tags.ts';
import type { CreatedTimes } from './created-times.ts';
import type { ContentFetcher } from './fetch-content.ts';
import type { Progress } from './progress.ts';
import type { Source } from './source.ts';

/** Tags of one repository that are looked at side by side. The registry's client bounds what reaches its host. */
export const TAGS_AT_ONCE = 32;

/** One repository of a source on its way. */
export interface RepositorySync {
  /** Of the whole sync, for the log. */
  readonly id: string;
  readonly flow: Flow;
  readonly source: Source;
  readonly sourceRepository: string;
  readonly repository: string;
  /** Only these are looked at, and nothing is listed. */
  readonly tags?: readonly string[];
  /** Those of them that the source told of: what is not there yet is waited for. */
  readonly announced?: readonly AnnouncedTag[];
  /** These are made whole again, besides. */
  readonly digests?: readonly Digest[];
  readonly fetcher: ContentFetcher;
  readonly created: CreatedTimes;
  /** Whether anything had been purged when the sync began. */
  readonly hasPurges: boolean;
  /** Takes back what is condemned; absent: nothing was when the sync began. */
  readonly garbage?: BringBack;
  /** Whether somebody asks for just this repository: then what records say is here is looked for in the store. */
  readonly looksInStore?: boolean;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** Told of each tag that failed; the others go on. */
  onFailure(tag: string, error: unknown): void;
  /** The same of one that was asked for by its digest. */
  onDigestFailure(digest: Digest, error: unknown): void;
  /** Told what a dry run would do. When present, nothing is fetched and nothing written. */
  readonly onPlanned?: (plan: PlannedTag) => void;
}

/** What a sync does with one tag, and by which rule. */
export interface PlannedTag {
  readonly repository: string;
  readonly tag: string;
  readonly action: 'add' | 'move' | 'keep' | 'leave';
  readonly rule: string;
  readonly digest?: Digest;
}
