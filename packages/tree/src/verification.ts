import type { Fault } from '@gantry/oci';
import type { FindingLog } from './findings.ts';
import type { ReplayedPool } from './verify-history.ts';
import type { TreeSource } from './tree-source.ts';
import type { Crew } from './verify-crew.ts';

/** How closely is looked: documents above repositories only; all documents, and of all else the size; every byte. */
export type VerifyLevel = 'roots' | 'whole' | 'deep';

/** What is being done. */
export type VerifyPhase = 'pointer' | 'against' | 'lists' | 'documents' | 'files';

/** What the parts of a verification share. */
export interface Verification {
  readonly source: TreeSource;
  readonly log: FindingLog;
  readonly level: VerifyLevel;
  /** Files looked at at a time, where threads do not do it. */
  readonly parallel: number;
  readonly signal: AbortSignal | undefined;
  /** All files of the pool that lists or documents tell of, by path. */
  readonly files: Map<string, PoolFile>;
  /** Files that should be there and were not, with what is to be said of each: the tree may have moved on meanwhile. */
  readonly absent: Map<string, string>;
  /** Files that nobody expects, with why. */
  readonly extra: Map<string, string>;
  /** Reads a directory's files; absent for what is no directory. */
  readonly crew: Crew | undefined;
  readonly enter: (phase: VerifyPhase) => void;
  /** Counts files as looked at, with the bytes that were read of them. @throws the signal's reason once it is aborted */
  readonly count: (objects: number, bytes: number) => void;
}

/** What is known of a file of the pool. */
export interface PoolFile {
  size: number;
  /** The first serial of its unbroken run in the pool, as the lists tell it; 0: no list put it there. */
  since: number;
  /** Its bytes were proved, or found wrong or absent. */
  done: boolean;
  /** It was counted among the objects that were looked at. */
  counted: boolean;
  /** It was met when the place was listed. */
  seen: boolean;
  /** A document that the root reaches names it: not only the lists. */
  reached: boolean;
}

/** A file of the pool that nothing was found out of yet. */
export function newPoolFile(size: number, since: number): PoolFile {
  return { size, since, done: false, counted: false, seen: false, reached: false };
}

/** A serial that is verified. */
export interface VerifiedSerial {
  readonly serial: number;
  readonly isCurrent: boolean;
  /** What the lists of the current serial tell; undefined where they do not tell all, or were not asked. */
  readonly pool: ReplayedPool | undefined;
}

/** Whether a file must be there: of an earlier serial, just what its root reaches. */
export function isExpected({ reached, since }: PoolFile, { isCurrent }: VerifiedSerial): boolean {
  return reached || (isCurrent && since > 0);
}

/** Whether a file that an earlier serial names was taken out of the pool since: then that serial is kept no more. */
export function hasLeft(file: PoolFile | undefined, { isCurrent, pool }: VerifiedSerial): boolean {
  return file?.since === 0 && !isCurrent && pool !== undefined;
}

/** A failure as it goes from thread to thread. */
export type CarriedFault = Pick<Fault, 'code' | 'message' | 'details'>;
