import type { Result, Results } from '../evidence.ts';
import type { Database } from './database.ts';
import { documentIn, maybe } from './documents.ts';
import { newestFirst } from './newest-first.ts';

/** Stands for no scenario. */
export const NO_SCENARIO = '';

export function sqliteResults(database: Database): Results {
  const insert = database.prepare(`
    INSERT INTO results (id, digest, testcase, source, scenario, outcome, submitted_at, document)
    VALUES (:id, :digest, :testcase, :source, :scenario, :outcome, :submittedAt, :document)
    ON CONFLICT DO NOTHING
  `);
  const get = database.prepare('SELECT document FROM results WHERE id = ?');
  const latest = database.prepare(`
    SELECT document FROM results AS one INDEXED BY results_latest
    WHERE digest = ? AND NOT EXISTS (
      SELECT 1 FROM results AS later INDEXED BY results_latest
      WHERE (later.digest, later.source, later.testcase, later.scenario)
          = (one.digest, one.source, one.testcase, one.scenario)
        AND (later.submitted_at, later.place) > (one.submitted_at, one.place)
    )
    ORDER BY source, testcase, scenario
  `);
  const list = newestFirst(database, {
    name: 'results',
    columns: 'document',
    time: 'submitted_at',
    filters: ['digest', 'testcase', 'source', 'outcome'],
    indexes: [
      [],
      ['outcome'],
      ['source'],
      ['source', 'outcome'],
      ['testcase'],
      ['testcase', 'outcome'],
      ['digest'],
    ],
    item: read,
  });

  return {
    put(result) {
      const { id, digest, testcase, source, scenario = NO_SCENARIO, outcome, submittedAt } = result;
      const document = JSON.stringify(result);
      const row = { id, digest, testcase, source, scenario, outcome, submittedAt, document };
      return database.write(() => insert.run(row).changes > 0);
    },
    get: (id) => database.read(() => maybe(get.get(id), read)),
    latest: (digest) => database.read(() => latest.all(digest).map(read)),
    list: (query) =>
      database.read(() =>
        list(
          {
            digest: query.digest,
            testcase: query.testcase,
            source: query.source,
            outcome: query.outcome,
          },
          query,
        ),
      ),
  };
}

const read = (row: unknown) => documentIn(row) as Result;
