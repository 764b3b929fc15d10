import type { Collection, Document, Filter, UpdateFilter } from 'mongodb';
import type { Database } from './database.ts';
import { mustBeNumber, text } from './documents.ts';
import type { OutboxRow } from './outbox.ts';
import { newToken, type TokenRow, writerField, wroteIt } from './tokens.ts';

/** A row whose record is replaced by who has read its revision. */
interface GuardedRow extends OutboxRow, TokenRow {
  readonly revision: number;
}

/**
 * Sets fields of a row, and stores events with it, if it is still at that revision, which rises by one: in one update.
 * @param guarded `kept`: gives the operators that store the events
 * @returns whether it was
 */
export function replaceGuarded<R extends GuardedRow>(
  database: Database,
  rows: Collection<R>,
  guarded: { id: string; revision: number; fields: Document; kept: () => Promise<Document> },
): Promise<boolean> {
  const { revision } = guarded;
  const token = newToken();
  const _id = text(guarded.id);
  const next = mustBeNumber(revision) + 1;
  return database.whole(async () => {
    const update = {
      $set: { ...guarded.fields, revision: next, ...writerField(next, token) },
      $inc: { version: 1 },
      ...(await guarded.kept()),
    } as unknown as UpdateFilter<R>;
    return database.attempt(async () => {
      const { matchedCount } = await rows.updateOne({ _id, revision } as Filter<R>, update);
      if (matchedCount === 1) return true;
      // Another was faster, or the answer of an attempt before was lost.
      const row = (await rows.findOne({ _id } as Filter<R>, {
        projection: { writers: 1 },
      })) as GuardedRow | null;
      return wroteIt(row, next, token);
    });
  });
}
