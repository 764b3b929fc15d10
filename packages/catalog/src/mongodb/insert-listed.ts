import { type Collection, type Filter, type OptionalUnlessRequiredId, type WithId } from 'mongodb';
import type { Database } from './database.ts';
import { isDuplicate } from './failures.ts';
import { catchUp, type ListedNoun, type ListedRow } from './newest-first.ts';
import { newToken } from './tokens.ts';

/** A row that is inserted once, and never again under its key. */
export interface CreatedRow extends ListedRow {
  /** The token of the call that made it. */
  readonly creator: string;
}

/**
 * Inserts a row at the next place of its noun, once, however often an answer is lost.
 * @param rowAt gives it; `creator` tells it from another's
 * @param isTaken whether something else of it that is unique is another's
 * @returns the row that has its key, and whether that is the own one; undefined: something else of it is taken
 */
export function insertListed<R extends CreatedRow>(
  database: Database,
  rows: Collection<R>,
  noun: ListedNoun,
  rowAt: (sequence: number, creator: string) => R,
  isTaken: () => Promise<boolean> = async () => false,
): Promise<{ readonly row: R | WithId<R>; readonly created: boolean } | undefined> {
  const creator = newToken();
  return database.call(async () => {
    for (;;) {
      const row = rowAt(await database.counters.next(noun), creator);
      try {
        await rows.insertOne(row as OptionalUnlessRequiredId<R>);
        return { row, created: true };
      } catch (error) {
        if (!isDuplicate(error)) throw error;
      }
      const there = await rows.findOne({ _id: row._id } as Filter<R>);
      if (there !== null) return { row: there, created: there.creator === creator };
      if (await isTaken()) return undefined;
      await catchUp(database, rows, noun);
    }
  });
}
