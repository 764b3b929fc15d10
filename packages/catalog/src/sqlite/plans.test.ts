import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { catalogIn } from '../sqlite.ts';
import { openDatabase } from './open-database.ts';

/** Steps of a plan that go through all rows of something, or sort, and may. */
const ALLOWED = [
  // The rows are the caller's own list.
  /^SCAN (?:wanted|json_each) VIRTUAL TABLE INDEX 1:$/,
  // The queue of a recursive query, which holds a page of names at the most.
  /^SCAN names$/,
  // What one manifest, candidate or tag names: the row was found by its key, and its document is gone through.
  /^SCAN json_each VIRTUAL TABLE INDEX 3:$/,
  /^SCAN (?:names_in_manifests|digests_in_candidates|digests_in_channel_tags)$/,
  // What an inner query has found by its index, up to its limit.
  /^SCAN counted$/,
  // A handful of rows, named by the program; `list` shows them all, in the order of the primary key.
  /^SCAN leases$/,
  // The processes that work on the catalog, in the order of `list`.
  /^SCAN workers USING INDEX workers_list$/,
];
/** What is open, of all states asked for: few, and merged in the order of acceptance. */
const SORTED = /state IN \(SELECT value FROM json_each\(\?\)\) ORDER BY (?:created_at, )?sequence$/;

/** The statements that the triggers run, with parameters for what they know of the row. */
const IN_TRIGGERS = `SELECT sql FROM sqlite_schema WHERE type = 'trigger'`;
function statementsOf(trigger: string): string[] {
  const [, body = ''] = /\bBEGIN\b(.*)\bEND\b/s.exec(trigger) ?? [];
  return body
    .split(';')
    .flatMap((sql) => (sql.trim() === '' ? [] : [sql.replaceAll(/\b(?:NEW|OLD)\.\w+/g, '?')]));
}

test('no statement of the catalog goes through a table, and no list is sorted', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-catalog-'));
  const file = join(folder, 'catalog.db');
  const { catalog, statements } = await openDatabase(file, (database) => ({
    catalog: catalogIn(database),
    statements: database.statements,
  }));
  const reader = new DatabaseSync(file);
  const slow: string[] = [];
  const triggers = reader.prepare(IN_TRIGGERS).all();
  const triggered = triggers.flatMap(({ sql }) => statementsOf(String(sql)));
  for (const sql of [...statements, ...triggered]) {
    const plan = reader.prepare(`EXPLAIN QUERY PLAN ${sql}`).all();
    for (const step of plan.map((row) => String(row['detail']))) {
      const scans = /\bSCAN\b|AUTOMATIC/.test(step) && !ALLOWED.some((allowed) => allowed.test(step));
      const sorts = step.includes('TEMP B-TREE') && !SORTED.test(sql.trim().replaceAll(/\s+/g, ' '));
      if (scans || sorts) slow.push(`${step}: ${sql}`);
    }
  }
  reader.close();
  await catalog[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
  expect(slow).toEqual([]);
  expect(statements.length).toBeGreaterThan(100);
  expect(triggered).toHaveLength(6);
});
