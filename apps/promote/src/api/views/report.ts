import { type Report, SEVERITIES } from '@gantry/catalog';
import { z } from 'zod';
import { named, Time, type View } from './named.ts';

const Counts = named(
  'VulnerabilityCounts',
  'How many findings there are of each severity.',
  z.strictObject(
    Object.fromEntries(SEVERITIES.map((severity) => [severity, z.int().nonnegative()])) as {
      [Severity in (typeof SEVERITIES)[number]]: z.ZodInt;
    },
  ),
);

const SUMMARY = {
  id: z.string(),
  digest: z.string().describe('The image'),
  repository: z.string().nullable().describe('The published name; null: not said'),
  format: z.enum(['trivy', 'grype', 'sarif']),
  scanner: z.string().describe('As the report names the program that made it'),
  source: z.string().describe('Which system sent it'),
  counts: Counts,
  content: z.string().describe('Digest of the bytes that were posted'),
  submittedBy: z.string(),
  submittedAt: Time,
};

export const ReportView = named('Report', "A scanner's report of an image.", z.strictObject(SUMMARY));

export const WholeReportView = named(
  'WholeReport',
  "A scanner's report of an image, with its findings: the worst first, 10,000 at the most.",
  z.strictObject({
    ...SUMMARY,
    findings: z.array(
      named(
        'Finding',
        'A vulnerability that a scanner found in a package.',
        z.strictObject({
          id: z.string(),
          severity: z.enum(SEVERITIES),
          package: z.string().nullable(),
          version: z.string().nullable(),
          fixedIn: z.string().nullable().describe('The version that mends it; null: none is known'),
        }),
      ),
    ),
  }),
);

export function presentReport(report: Omit<Report, 'findings'>): View<typeof ReportView> {
  const { id, digest, repository = null, format, scanner, source, counts } = report;
  const { content, submittedBy, submittedAt } = report;
  return { id, digest, repository, format, scanner, source, counts, content, submittedBy, submittedAt };
}

export function presentWholeReport(report: Report): View<typeof WholeReportView> {
  return {
    ...presentReport(report),
    findings: report.findings.map((finding) => ({
      id: finding.id,
      severity: finding.severity,
      package: finding.package ?? null,
      version: finding.version ?? null,
      fixedIn: finding.fixedIn ?? null,
    })),
  };
}
