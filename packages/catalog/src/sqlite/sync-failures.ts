import type { Failures } from '../catalog.ts';
import { cursorsOf, pageOf, rowsFor } from '../page.ts';
import type { Failure, FailureKey } from '../records.ts';
import type { Database } from './database.ts';
import { documentIn } from './documents.ts';

/** Stands for no tag: a repository as a whole. */
const WHOLE = '';

export function sqliteFailures(database: Database): Failures {
  const put = database.prepare(`
    INSERT OR REPLACE INTO failures (source, source_repository, tag, retry_at, document)
    VALUES (:source, :sourceRepository, :tag, :retryAt, :document)
  `);
  const remove = database.prepare(
    'DELETE FROM failures WHERE source = ? AND source_repository = ? AND tag = ?',
  );
  const getAll = database.prepare(`
    SELECT document FROM json_each(?) AS wanted CROSS JOIN failures
    ON source = wanted.value ->> 0 AND source_repository = wanted.value ->> 1 AND tag = wanted.value ->> 2
  `);
  const due = database.prepare(`
    SELECT document FROM failures WHERE source = ? AND retry_at IS NOT NULL AND retry_at <= ?
    ORDER BY retry_at LIMIT ?
  `);
  const columns = 'source, source_repository, tag, document';
  const after = database.prepare(`
    SELECT ${columns} FROM failures WHERE (source, source_repository, tag) > (?, ?, ?)
    ORDER BY source, source_repository, tag LIMIT ?
  `);
  const afterOf = database.prepare(`
    SELECT ${columns} FROM failures WHERE source = ? AND (source_repository, tag) > (?, ?)
    ORDER BY source_repository, tag LIMIT ?
  `);
  const cursors = cursorsOf('failures', ['string', 'string', 'string']);

  return {
    async put(failures) {
      const rows = failures.map((failure) => ({
        source: failure.source,
        sourceRepository: failure.sourceRepository,
        tag: failure.tag ?? WHOLE,
        retryAt: failure.retryAt,
        document: JSON.stringify(failure),
      }));
      await database.write(() => {
        for (const row of rows) put.run(row);
      });
    },
    async getAll(keys) {
      const wanted = new Set(keys.map((key) => JSON.stringify(columnsOf(key))));
      return (await database.readMany([...wanted], (some) => getAll.all(arraysIn(some)))).map(read);
    },
    async remove(keys) {
      await database.write(() => {
        for (const key of keys) remove.run(...columnsOf(key));
      });
    },
    due: (source, at, limit) => database.read(() => due.all(source, at, limit).map(read)),
    list: ({ source, limit, cursor }) =>
      database.read(() => {
        const key = cursor === undefined ? BEFORE_ALL : cursors.decode(cursor);
        const [, sourceRepository, tag] = key;
        const rows = (source === undefined
          ? after.all(...key, rowsFor(limit))
          : afterOf.all(source, sourceRepository, tag, rowsFor(limit))) as unknown as Row[];
        return pageOf(rows, limit, read, (last) =>
          cursors.encode([last.source, last.source_repository, last.tag]),
        );
      }),
  };
}

interface Row {
  readonly source: string;
  readonly source_repository: string;
  readonly tag: string;
}

/** No source has an empty name. */
const BEFORE_ALL = ['', '', WHOLE] as const;

function columnsOf({ source, sourceRepository, tag = WHOLE }: FailureKey): [string, string, string] {
  return [source, sourceRepository, tag];
}

/** A JSON array of texts that are arrays themselves, as an array of arrays. */
function arraysIn(jsonTexts: string): string {
  return `[${(JSON.parse(jsonTexts) as string[]).join()}]`;
}

const read = (row: unknown) => documentIn(row) as Failure;
