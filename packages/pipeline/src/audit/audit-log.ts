import type { Audit, AuditFact } from '@gantry/catalog';

/** Where facts are put, one by one. */
export interface AuditLog {
  /** Resolves once the fact is in the log. @throws Fault UNAVAILABLE, STORAGE_FULL */
  record(fact: AuditFact): Promise<void>;
}

/** How many facts go into one write. */
const BATCH_MAX = 500;

interface Waiting {
  readonly fact: AuditFact;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Facts that come while others are written share the next write: the log is a chain, so each write waits for the one
 * before it, and one at a time would be as slow as the disk.
 */
export function createAuditLog(audit: Pick<Audit, 'append'>): AuditLog {
  let waiting: Waiting[] = [];
  let isWriting = false;

  const writeAll = async () => {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, BATCH_MAX);
      waiting = waiting.slice(BATCH_MAX);
      try {
        await audit.append(batch.map(({ fact }) => fact));
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    isWriting = false;
  };

  return {
    async record(fact) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      waiting.push({ fact, resolve, reject });
      if (!isWriting) {
        isWriting = true;
        void writeAll();
      }
      return promise;
    },
  };
}
