import type { Retraction, Retractions } from '../retractions.ts';
import type { Database } from './database.ts';
import { inParts, is, keyOf, mustBeNumber, text } from './documents.ts';
import { insertMissing, replaceMany } from './put-many.ts';

export interface RetractionRow extends Retraction {
  readonly _id: string;
}

const KEYS_A_QUERY = 500;

export function mongodbRetractions(database: Database): Retractions {
  const rows = database.collection<RetractionRow>('retractions');
  return {
    async put(retractions) {
      const highest = retractions.toSorted((a, b) => a.sequence - b.sequence).map(retractionRow);
      const wanted = [...new Map(highest.map((row) => [row._id, row])).values()];
      await database.whole(async () => {
        for (const some of inParts(wanted, KEYS_A_QUERY))
          await database.attempt(async () => {
            const there = await insertMissing(rows, some);
            await replaceMany(rows, there, ({ sequence }) => ({ sequence: { $lt: sequence } }));
          });
      });
    },
    async of(channel, repository) {
      const found = await database.call(() =>
        database.find(rows, {
          index: 'retractions_of',
          filter: { channel: is(channel), repository: is(repository) },
          sort: { tag: 1 },
        }),
      );
      return found.map(retractionOf);
    },
  };
}

export function retractionRow(retraction: Retraction): RetractionRow {
  const { channel, repository, tag, promotion, sequence } = retraction;
  return {
    _id: keyOf(channel, repository, tag),
    channel,
    repository,
    tag,
    promotion: text(promotion),
    sequence: mustBeNumber(sequence),
  };
}

export function retractionOf({ channel, repository, tag, promotion, sequence }: RetractionRow): Retraction {
  return { channel, repository, tag, promotion, sequence };
}
