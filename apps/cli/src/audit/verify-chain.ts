import { AUDIT_ORIGIN, type AuditEntry, auditBreak } from '@gantry/catalog';

/** What was found of an audit log. */
export interface AuditFinding {
  /** How many follow each other as they should. */
  readonly entries: number;
  /** The last of them. */
  readonly head: { readonly sequence: number; readonly hash: string } | null;
  /** What is wrong, the first of it; null: nothing. */
  readonly problem: string | null;
}

/**
 * Goes along an audit log from its first entry on, up to the first break.
 * @param expected the hash of an entry that was noted before: a log that was cut off after all lacks it
 */
export async function verifyAuditChain(
  log: AsyncIterable<AuditEntry>,
  expected?: string,
): Promise<AuditFinding> {
  let last: Pick<AuditEntry, 'sequence' | 'hash'> = AUDIT_ORIGIN;
  let isExpectedThere = expected === undefined;
  const found = (problem: string | null): AuditFinding => {
    const { sequence, hash } = last;
    return { entries: sequence, head: sequence === 0 ? null : { sequence, hash }, problem };
  };
  for await (const entry of log) {
    const broken = auditBreak(last, entry);
    if (broken !== undefined) return found(broken.problem);
    last = entry;
    isExpectedThere ||= entry.hash === expected;
  }
  if (isExpectedThere) return found(null);
  return found(
    `no entry has the hash ${expected}: the log ends at ${last.sequence}, so what came after is gone`,
  );
}
