import { randomUUID } from 'node:crypto';
import { digestOf, Fault, parseDigest, parseRepositoryName, quote } from '@gantry/oci';
import { checkReportSubject, reconsider, REPORT_MAX_BYTES, readReport } from '@gantry/pipeline';
import { z } from 'zod';
import { READ } from '../access.ts';
import { DigestText, RepositoryText } from '../content-names.ts';
import { PAGING } from '../paging.ts';
import { REPORT, reportScope, ReportingSource, reportingSource } from '../reporting.ts';
import { ScannersReport } from '../requests.ts';
import { route } from '../route.ts';
import { pageOf } from '../views/named.ts';
import { presentReport, presentWholeReport, ReportView, WholeReportView } from '../views/report.ts';

export const REPORT_ROUTES = [
  route({
    method: 'POST',
    path: '/api/v1/reports',
    name: 'createReport',
    summary: "Takes a scanner's report of an image, and has the gates asked again that wait for one",
    access: { ...REPORT, scopes: ({ caller, query }) => [reportScope(caller, query.source)] },
    query: z.strictObject({
      digest: DigestText.describe('The image that was scanned'),
      source: ReportingSource,
      repository: RepositoryText.exactOptional().describe('The published name, for people'),
    }),
    body: ScannersReport,
    bodyTypes: ['application/json', 'application/sarif+json'],
    bodyMaxBytes: REPORT_MAX_BYTES,
    answers: { 201: { description: 'The report as it is kept', view: ReportView } },
    faults: ['DIGEST_INVALID', 'NAME_INVALID', 'REQUEST_UNPROCESSABLE'],
    target: ({ query }) => query.digest,
    async handle({ query, body, bodyBytes = new Uint8Array(), caller, api }) {
      const { flow, messages } = api;
      const digest = parseDigest(query.digest);
      const repository =
        query.repository === undefined ? {} : { repository: parseRepositoryName(query.repository) };
      const parsed = readReport(body);
      await checkReportSubject(flow.catalog, parsed, digest);
      const { format, scanner, findings, counts } = parsed;
      const report = {
        id: randomUUID(),
        digest,
        ...repository,
        format,
        scanner,
        source: reportingSource(caller, query.source),
        findings,
        counts,
        content: digestOf(bodyBytes),
        submittedBy: caller.name,
        submittedAt: flow.now().toISOString(),
      };
      await flow.catalog.reports.put(report);
      await reconsider(flow, messages, { digest });
      return { status: 201, json: presentReport(report) };
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/reports',
    name: 'listReports',
    summary: "Scanners' reports, newest first",
    access: READ,
    query: z.strictObject({
      digest: DigestText.exactOptional().describe('The image'),
      source: z.string().max(128).exactOptional().describe('Which system sent it'),
      ...PAGING,
    }),
    answers: { 200: { description: 'A page of reports', view: pageOf(ReportView) } },
    faults: ['DIGEST_INVALID'],
    async handle({ query: { digest, ...rest }, api }) {
      const { items, next } = await api.flow.catalog.reports.list({
        ...rest,
        ...(digest === undefined ? {} : { digest: parseDigest(digest) }),
      });
      return { status: 200, json: { items: items.map(presentReport), next } };
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/reports/{id}',
    name: 'getReport',
    summary: "One scanner's report, with its findings",
    access: READ,
    params: z.strictObject({ id: z.string() }),
    answers: { 200: { description: 'The report', view: WholeReportView } },
    faults: ['REPORT_UNKNOWN'],
    async handle({ params: { id }, api }) {
      const report = await api.flow.catalog.reports.get(id);
      if (report === undefined)
        throw new Fault('REPORT_UNKNOWN', `there is no report ${quote(id)}`, { report: id });
      return { status: 200, json: presentWholeReport(report) };
    },
  }),
];
