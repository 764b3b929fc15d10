import type { Finding, Report, Reports } from '../evidence.ts';
import type { Database } from './database.ts';
import { documentIn, maybe } from './documents.ts';
import { newestFirst } from './newest-first.ts';

export function sqliteReports(database: Database): Reports {
  const insert = database.prepare(`
    INSERT INTO reports (id, digest, source, submitted_at, document, findings)
    VALUES (:id, :digest, :source, :submittedAt, :document, :findings)
    ON CONFLICT DO NOTHING
  `);
  const get = database.prepare('SELECT document, findings FROM reports WHERE id = ?');
  const latest = database.prepare(`
    SELECT document, findings FROM reports AS one INDEXED BY reports_list_digest_source
    WHERE digest = ? AND NOT EXISTS (
      SELECT 1 FROM reports AS later INDEXED BY reports_list_digest_source
      WHERE (later.digest, later.source) = (one.digest, one.source)
        AND (later.submitted_at, later.place) > (one.submitted_at, one.place)
    )
    ORDER BY source
  `);
  const list = newestFirst(database, {
    name: 'reports',
    columns: 'document',
    time: 'submitted_at',
    filters: ['digest', 'source'],
    indexes: [[], ['source'], ['digest'], ['digest', 'source']],
    item: readSummary,
  });

  return {
    put(report) {
      const row = reportRow(report);
      return database.write(() => insert.run(row).changes > 0);
    },
    get: (id) => database.read(() => maybe(get.get(id), readReport)),
    latest: (digest) => database.read(() => latest.all(digest).map(readReport)),
    list: (query) => database.read(() => list({ digest: query.digest, source: query.source }, query)),
  };
}

type Summary = Omit<Report, 'findings'>;

/** A report as a row: the findings apart, in the last column. */
function reportRow({ findings, ...summary }: Report) {
  const { id, digest, source, submittedAt } = summary;
  const document = JSON.stringify(summary);
  return { id, digest, source, submittedAt, document, findings: JSON.stringify(findings) };
}

export function readReport(row: unknown): Report {
  const { findings } = row as { findings: string };
  return { ...readSummary(row), findings: JSON.parse(findings) as readonly Finding[] };
}

function readSummary(row: unknown): Summary {
  return documentIn(row) as Summary;
}
