import type { FindingLog } from './findings.ts';
import type { TreeSource } from './tree-source.ts';

/** What the parts of a verification share. */
export interface Verification {
  readonly source: TreeSource;
  readonly log: FindingLog;
  readonly deep: boolean;
  /** Files looked at at a time. */
  readonly parallel: number;
  readonly signal: AbortSignal | undefined;
  /** All files that must be in the pool, by path. */
  readonly expected: Map<string, ExpectedFile>;
  /** Counts files as looked at, with the bytes that were read of them. @throws the signal's reason once it is aborted */
  readonly count: (objects: number, bytes: number) => void;
}

export interface ExpectedFile {
  readonly size: number;
  /** Its bytes were proved, or found wrong, already. */
  done: boolean;
  /** It was met when the place was listed. */
  seen: boolean;
}
