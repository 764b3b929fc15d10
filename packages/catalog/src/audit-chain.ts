import { createHash } from 'node:crypto';
import type { AuditEntry, AuditFact } from './access.ts';

/** What the first entry of a log follows. */
export const AUDIT_ORIGIN: Pick<AuditEntry, 'sequence' | 'hash'> = { sequence: 0, hash: '0'.repeat(64) };

/** The entry of a fact that follows another entry. */
export function chain(former: Pick<AuditEntry, 'sequence' | 'hash'>, fact: AuditFact): AuditEntry {
  const entry = { ...fact, sequence: former.sequence + 1, previous: former.hash };
  return { ...entry, hash: auditHash(entry) };
}

/**
 * Hex SHA-256 of an entry's JSON without its `hash`: members sorted by name, those that are absent left out, no blanks.
 * Whoever has the entries can make it without Gantry.
 */
export function auditHash(entry: Omit<AuditEntry, 'hash'>): string {
  const members = Object.entries(entry)
    .filter(([name, value]) => name !== 'hash' && value !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256')
    .update(JSON.stringify(Object.fromEntries(members)))
    .digest('hex');
}

/** Where a log is not as it was written. */
export interface AuditBreak {
  readonly sequence: number;
  readonly problem: string;
}

/**
 * What is wrong with an entry that should follow another one; undefined: nothing.
 */
export function auditBreak(
  former: Pick<AuditEntry, 'sequence' | 'hash'>,
  entry: AuditEntry,
): AuditBreak | undefined {
  const { sequence } = entry;
  if (sequence !== former.sequence + 1) {
    return {
      sequence,
      problem:
        sequence > former.sequence
          ? `entry ${sequence} follows entry ${former.sequence}: what was between them is gone`
          : `entry ${sequence} follows entry ${former.sequence}: it stands twice, or not in its place`,
    };
  }
  if (entry.previous !== former.hash)
    return {
      sequence,
      problem: `entry ${sequence} does not follow the entry before it: one of them was changed or put in`,
    };
  if (entry.hash !== auditHash(entry))
    return { sequence, problem: `entry ${sequence} was changed after it was written` };
  return undefined;
}
