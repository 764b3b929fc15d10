import type { Digest } from '@gantry/oci';
import type { Result, Results } from '../evidence.ts';
import type { Database } from './database.ts';
import { inParts, is, placeOf, recordIn, text } from './documents.ts';
import { type CreatedRow, insertListed } from './insert-listed.ts';
import { newestFirst } from './newest-first.ts';

interface ResultRow extends CreatedRow {
  readonly digest: string;
  readonly testcase: string;
  readonly source: string;
  readonly scenario: string;
  readonly outcome: string;
}

/** Stands for no scenario. */
const NO_SCENARIO = '';
const KEYS_A_QUERY = 1000;

export function mongodbResults(database: Database): Results {
  const rows = database.collection<ResultRow>('results');
  const list = newestFirst(database, rows, {
    name: 'results',
    time: ({ submittedAt }: Result) => submittedAt,
    indexes: [
      ['results_list'],
      ['results_list_outcome', 'outcome'],
      ['results_list_source', 'source'],
      ['results_list_source_outcome', 'source', 'outcome'],
      ['results_list_testcase', 'testcase'],
      ['results_list_testcase_outcome', 'testcase', 'outcome'],
      ['results_list_digest', 'digest'],
    ],
    item: read,
  });

  return {
    async put(result) {
      const inserted = await insertListed(database, rows, 'results', (sequence, creator) =>
        resultRow(result, sequence, creator),
      );
      return inserted?.created === true;
    },
    async get(id) {
      const row = await database.call(() => rows.findOne({ _id: text(id) }));
      return row === null ? undefined : read(row);
    },
    async latest(digest) {
      const keys = await newestKeys(digest);
      const found = new Map<string, Result>();
      for (const some of inParts(keys, KEYS_A_QUERY)) {
        const filter = { _id: { $in: some } };
        for (const row of await database.call(() => database.find(rows, { index: '_id_', filter })))
          found.set(row._id, read(row));
      }
      return keys.flatMap((key) => found.get(key) ?? []);
    },
    list: ({ digest, testcase, source, outcome, ...page }) =>
      list({ digest, testcase, source, outcome }, page),
  };

  /** The key of the newest result of each source, test case and scenario. Read from the index alone. */
  async function newestKeys(digest: Digest): Promise<string[]> {
    const found = await database.call(() =>
      database.find(rows, {
        index: 'results_latest',
        filter: { digest: is(digest) },
        sort: { source: 1, testcase: 1, scenario: 1, place: -1 },
        fields: { _id: 1, source: 1, testcase: 1, scenario: 1 },
      }),
    );
    return found.filter((row, at) => testOf(row) !== testOf(found[at - 1])).map(({ _id }) => _id);
  }
}

export function resultRow(result: Result, sequence: number, creator: string): ResultRow {
  const { id, digest, testcase, source, scenario = NO_SCENARIO, outcome, submittedAt } = result;
  return {
    _id: text(id),
    sequence,
    place: placeOf(submittedAt, sequence),
    digest: text(digest),
    testcase: text(testcase),
    source: text(source),
    scenario: text(scenario),
    outcome: text(outcome),
    creator,
    document: JSON.stringify(result),
  };
}

/** What a later result is one of again. */
function testOf(row: ResultRow | undefined): string | undefined {
  return row && JSON.stringify([row.source, row.testcase, row.scenario]);
}

const read = (row: ResultRow) => recordIn(row) as Result;
