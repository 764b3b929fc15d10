import type { Retraction, Retractions } from '../retractions.ts';
import type { Database } from './database.ts';

export function sqliteRetractions(database: Database): Retractions {
  const put = database.prepare(`
    INSERT INTO retractions (channel, repository, tag, promotion, sequence)
    VALUES (?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET promotion = excluded.promotion, sequence = excluded.sequence
    WHERE excluded.sequence > sequence
  `);
  const of = database.prepare('SELECT * FROM retractions WHERE channel = ? AND repository = ? ORDER BY tag');
  return {
    async put(retractions) {
      await database.write(() => {
        for (const one of retractions)
          put.run(one.channel, one.repository, one.tag, one.promotion, one.sequence);
      });
    },
    of: (channel, repository) => database.read(() => of.all(channel, repository).map(readRetraction)),
  };
}

export function readRetraction(row: unknown): Retraction {
  const { channel, repository, tag, promotion, sequence } = row as Retraction;
  return { channel, repository, tag, promotion, sequence };
}
