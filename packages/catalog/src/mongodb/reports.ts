import { randomUUID } from 'node:crypto';
import { Fault } from '@gantry/oci';
import type { Finding, Report, Reports } from '../evidence.ts';
import type { Database } from './database.ts';
import { is, placeOf, recordIn, type Row, text } from './documents.ts';
import { isDuplicate } from './failures.ts';
import { type CreatedRow, insertListed } from './insert-listed.ts';
import { newestFirst } from './newest-first.ts';

export interface ReportRow extends CreatedRow {
  readonly digest: string;
  readonly source: string;
  /** The key of the row that holds its findings. */
  readonly findings: string;
}

type Summary = Omit<Report, 'findings'>;

/**
 * Findings lie in rows of their own, so that a list does not read them. They are stored first, where nobody sees them;
 * then the report, which names them.
 */
export function mongodbReports(database: Database): Reports {
  const rows = database.collection<ReportRow>('reports');
  const findingRows = database.collection<Row>('report_findings');
  const list = newestFirst(database, rows, {
    name: 'reports',
    time: ({ submittedAt }: Summary) => submittedAt,
    indexes: [
      ['reports_list'],
      ['reports_list_source', 'source'],
      ['reports_list_digest', 'digest'],
      ['reports_list_digest_source', 'digest', 'source'],
    ],
    item: readSummary,
  });

  return {
    put: (report) =>
      database.whole(async () => {
        const findings = findingsRow(report);
        await database.attempt(async () => {
          try {
            await findingRows.insertOne(findings);
          } catch (error) {
            if (!isDuplicate(error)) throw error;
          }
        });
        const inserted = await insertListed(database, rows, 'reports', (sequence, creator) =>
          reportRow(report, findings._id, sequence, creator),
        );
        if (inserted?.created === true) return true;
        await database.attempt(() => findingRows.deleteOne({ _id: findings._id }));
        return false;
      }),
    async get(id) {
      const row = await database.call(() => rows.findOne({ _id: text(id) }));
      return row === null ? undefined : readReport(database, row);
    },
    async latest(digest) {
      const found = await database.call(() =>
        database.find(rows, {
          index: 'reports_list_digest_source',
          filter: { digest: is(digest) },
          sort: { source: 1, place: -1 },
        }),
      );
      const newest = found.filter(({ source }, at) => source !== found[at - 1]?.source);
      return Promise.all(newest.map((row) => readReport(database, row)));
    },
    list: ({ digest, source, ...page }) => list({ digest, source }, page),
  };
}

/** A report's findings as a row, under a key that no other has. */
export function findingsRow({ findings }: Report): Row {
  return { _id: randomUUID(), document: JSON.stringify(findings) };
}

export function reportRow(report: Report, findings: string, sequence: number, creator: string): ReportRow {
  const { findings: _, ...summary } = report;
  const { id, digest, source, submittedAt } = summary;
  return {
    _id: text(id),
    sequence,
    place: placeOf(submittedAt, sequence),
    digest: text(digest),
    source: text(source),
    findings,
    creator,
    document: JSON.stringify(summary),
  };
}

/** A report with its findings. @throws Fault UNAVAILABLE when they are gone, as after a restore in part */
export async function readReport(database: Database, row: ReportRow): Promise<Report> {
  const rows = database.collection<Row>('report_findings');
  const findings = await database.call(() => rows.findOne({ _id: row.findings }));
  if (findings === null) {
    throw new Fault(
      'UNAVAILABLE',
      `the catalog ${database.name} has lost the findings of report ${row._id}: restore it as a whole`,
      { report: row._id },
    );
  }
  return { ...readSummary(row), findings: recordIn(findings) as readonly Finding[] };
}

function readSummary(row: ReportRow): Summary {
  return recordIn(row) as Summary;
}
