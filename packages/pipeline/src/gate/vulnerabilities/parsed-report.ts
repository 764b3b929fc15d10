import { type Finding, type Report, SEVERITIES, type Severity, type Timestamp } from '@gantry/catalog';
import { type Digest, Fault } from '@gantry/oci';
import type { z } from 'zod';

/** The most bytes that a scanner's report may have. */
export const REPORT_MAX_BYTES = 32 * 1024 * 1024;
/** Findings beyond these are only counted. */
const FINDINGS_MAX = 10_000;
const TEXT_MAX_LENGTH = 256;
// One word, so that it can be named in a URL, on a command line, in a waiver.
const ID = /^[\x21-\x7e]{1,256}$/;

/** What a scanner's report says, whatever its format. */
export interface ParsedReport extends Pick<Report, 'format' | 'scanner' | 'findings' | 'counts'> {
  /** When the image was scanned, as the report says itself. */
  readonly scannedAt?: Timestamp;
  /** Digests that the report says to be of, if it says so. */
  readonly digests: readonly Digest[];
}

/** What a format's reader has found, before it is put in order. */
export interface RawReport extends Omit<ParsedReport, 'findings' | 'counts'> {
  readonly findings: Iterable<Finding>;
}

/** Each finding once, the worst first, and only so many of them. */
export function toReport({ findings, ...rest }: RawReport): ParsedReport {
  const distinct = new Map<string, Finding>();
  for (const finding of findings) {
    const key = JSON.stringify([finding.id, finding.package, finding.version, finding.severity]);
    if (!distinct.has(key)) distinct.set(key, finding);
  }
  const sorted = [...distinct.values()].toSorted(
    (a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity),
  );
  return { ...rest, findings: sorted.slice(0, FINDINGS_MAX), counts: countBySeverity(sorted) };
}

/** How many findings there are of each severity. */
export function countBySeverity(findings: Iterable<Finding>): Record<Severity, number> {
  const counts: Record<Severity, number> = {
    critical: 0,
    high: 0,
    medium: 0,
    low: 0,
    negligible: 0,
    unknown: 0,
  };
  for (const { severity } of findings) counts[severity]++;
  return counts;
}

/** @throws Fault REQUEST_UNPROCESSABLE, naming what is wrong and where it stands in the report */
export function readAs<T>(schema: z.ZodType<T>, format: string, report: unknown): T {
  const { success, data, error } = schema.safeParse(report);
  if (success) return data;
  const [issue] = error.issues;
  const at = (issue?.path ?? []).join('.').slice(0, TEXT_MAX_LENGTH);
  throw unprocessable(
    `the report looks like ${format}, but ${at === '' ? 'it' : at} is not as it should be: ${issue?.message ?? 'unknown'}`,
    at,
  );
}

/** A vulnerability's id. @throws Fault REQUEST_UNPROCESSABLE */
export function readId(id: string, at: string): string {
  if (ID.test(id)) return id;
  throw unprocessable(
    `${at} is not a vulnerability's id: up to 256 visible ASCII characters without a space are`,
    at,
  );
}

/** The severity of that name, in any case. A name that is not known is not taken for a mild one. @throws Fault REQUEST_UNPROCESSABLE */
export function readSeverity(text: string, at: string): Severity {
  const lower = text.toLowerCase();
  const severity = SEVERITIES.find((one) => one === lower);
  if (severity !== undefined) return severity;
  throw unprocessable(`${at} is not a severity: ${SEVERITIES.join(', ')} are`, at);
}

/** A name or version as it is kept; undefined for none. */
export function readText(text: string | null | undefined): string | undefined {
  return text === undefined || text === null || text === '' ? undefined : text.slice(0, TEXT_MAX_LENGTH);
}

/** A time as the catalog writes it; undefined for what is none. */
export function readTime(text: unknown): Timestamp | undefined {
  if (typeof text !== 'string' || !/^\d{4}-\d\d-\d\dT/.test(text)) return undefined;
  const time = new Date(text);
  return Number.isNaN(time.getTime()) ? undefined : time.toISOString();
}

export function unprocessable(message: string, at: string): Fault {
  return new Fault('REQUEST_UNPROCESSABLE', message, at === '' ? {} : { at });
}
