import { type Collection, type Filter, MongoBulkWriteError, type OptionalUnlessRequiredId } from 'mongodb';
import { isDuplicate } from './failures.ts';

/**
 * Inserts rows all at once.
 * @returns those whose `_id` was taken
 */
export async function insertMissing<R extends { readonly _id: string }>(
  rows: Collection<R>,
  wanted: readonly R[],
): Promise<R[]> {
  if (wanted.length === 0) return [];
  try {
    await rows.insertMany(wanted as OptionalUnlessRequiredId<R>[], { ordered: false });
    return [];
  } catch (error) {
    if (!(error instanceof MongoBulkWriteError)) throw error;
    const errors = [error.writeErrors].flat();
    if (error.result.getWriteConcernError() !== undefined || errors.length === 0) throw error;
    if (!errors.every(({ code }) => code === DUPLICATE_KEY) && !isDuplicate(error)) throw error;
    return errors.map(({ index }) => wanted[index] as R);
  }
}

const DUPLICATE_KEY = 11000;

/**
 * Replaces rows all at once, each where `still` holds of what is there.
 * @param still absent: whatever is there, or nothing
 */
export async function replaceMany<R extends { readonly _id: string }>(
  rows: Collection<R>,
  wanted: readonly R[],
  still?: (row: R) => Filter<R>,
): Promise<void> {
  if (wanted.length === 0) return;
  await rows.bulkWrite(
    wanted.map((row) => {
      const { _id, ...replacement } = row;
      const filter = { _id, ...still?.(row) } as Filter<R>;
      const upsert = still === undefined;
      return { replaceOne: { filter, replacement: replacement as never, upsert } };
    }),
    { ordered: false },
  );
}
