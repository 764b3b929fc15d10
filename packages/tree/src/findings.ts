import { Fault, quote } from '@gantry/oci';

/**
 * What can be found wrong with a tree.
 *
 * - `missing`, `wrong-size`, `corrupt` (bytes that are not those of the digest), `unreadable`: a file that should be there
 * - `not-kept`: a serial that was asked for, and is there no more, or never was
 * - `invalid`: a document, list or manifest that contradicts the format, or another one
 * - `broken-chain`: a statement whose predecessor is absent or another one; `fork`: two histories of one tree;
 *   `rollback`: a serial below one that was seen before; `mixed`: files of two serials, or a pointer that goes back while
 *   it is asked for; `expired`: a statement past its time; `frozen`: one that is older than it may be
 * - `unsigned`, `unknown-key`, `wrong-signature`: a statement that none of the keys asked for has signed, or not rightly
 * - `stale`, `ahead`, `other-tree`, `different`: beside the tree that it is compared with, or that was there before
 * - `extra`: a file that belongs to no pool (left over from a crash, or strange)
 * - `wrong-type`: a file that is served with another Content-Type; `wrong-header`: one that is served compressed, without
 *   its length, without ranges, or to be kept for too long
 */
export const FINDING_KINDS = [
  'missing',
  'not-kept',
  'wrong-size',
  'corrupt',
  'unreadable',
  'invalid',
  'broken-chain',
  'fork',
  'rollback',
  'mixed',
  'expired',
  'frozen',
  'unsigned',
  'unknown-key',
  'wrong-signature',
  'stale',
  'ahead',
  'other-tree',
  'different',
  'extra',
  'wrong-type',
  'wrong-header',
] as const;

export type FindingKind = (typeof FINDING_KINDS)[number];

export interface Finding {
  readonly kind: FindingKind;
  /** A warning does not make the tree unequal to its root. */
  readonly severity: 'error' | 'warning';
  /** A sentence that names the thing and what is wrong with it. */
  readonly message: string;
  /** The file in the tree. */
  readonly path?: string;
  readonly repository?: string;
  readonly tag?: string;
}

/** How many there are of each kind that there is. */
export type FindingCounts = Readonly<Partial<Record<FindingKind, number>>>;

/** Collects findings, and how much has been looked at. */
export interface FindingLog {
  readonly findings: readonly Finding[];
  readonly errors: number;
  readonly warnings: number;
  readonly counts: FindingCounts;
  /** @throws Fault UNAVAILABLE when so many files were unreadable that the place must be gone */
  add(kind: FindingKind, message: string, about?: FindingAbout): void;
  /** A fault met at a file. @throws the fault itself when so many were unreadable that the place must be gone */
  addFault(error: unknown, about: FindingAbout): void;
}

export interface FindingAbout {
  readonly path?: string;
  readonly repository?: string;
  readonly tag?: string;
  /** `error` if absent. */
  readonly severity?: 'error' | 'warning';
}

/** After so many files that could not be read, the place itself is taken to be gone. */
const UNREADABLE_MAX = 100;

/** @param maxFindings of each kind that are kept; those past them are counted only */
export function findingLog(maxFindings: number): FindingLog {
  const findings: Finding[] = [];
  const counts: Partial<Record<FindingKind, number>> = {};
  let [errors, warnings] = [0, 0];
  const add: FindingLog['add'] = (kind, message, { severity = 'error', ...about } = {}) => {
    const count = (counts[kind] ?? 0) + 1;
    if (kind === 'unreadable' && count > UNREADABLE_MAX) throw new Fault('UNAVAILABLE', message);
    counts[kind] = count;
    if (severity === 'error') errors++;
    else warnings++;
    if (count <= maxFindings) findings.push({ kind, severity, message, ...about });
  };
  return {
    findings,
    counts,
    get errors() {
      return errors;
    },
    get warnings() {
      return warnings;
    },
    add,
    addFault(error, about) {
      // A stream ends with the file system's own error.
      const isUnreadable = error instanceof Fault ? error.code === 'UNAVAILABLE' : isSystemError(error);
      if (!(error instanceof Fault) && !isUnreadable) throw error;
      const message = error instanceof Error ? error.message : String(error);
      add(isUnreadable ? 'unreadable' : 'invalid', message, about);
    },
  };
}

/** `fedora/httpd:latest`, quoted, for messages. */
export function tagName(repository: string, tag: string): string {
  return quote(`${repository}:${tag}`);
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}
