import {
  type Finding,
  type Report,
  type Requirement,
  SEVERITIES,
  type Severity,
  type Timestamp,
} from '@gantry/catalog';
import { printable } from '@gantry/oci';
import type { VulnerabilitiesRule } from '../configuration.ts';
import { spell } from '../spell.ts';

const SHOWN_MAX = 100;
const PACKAGES_SHOWN = 5;
/** How far in the future a scanner's clock may be. */
const CLOCKS_APART_MS = 3_600_000;

/** A report that is to be judged, posted or attached. */
export interface JudgedReport extends Pick<Report, 'format' | 'scanner' | 'findings' | 'counts'> {
  /** For people and as evidence: a report's id, or the digest of the manifest that holds it. */
  readonly id: string;
  /** Which system sent it; absent: it came with the image. */
  readonly source?: string;
  /** When it was sent or, of one that came with the image, when that was scanned; absent: that is not said. */
  readonly at?: Timestamp;
}

export interface JudgedAt {
  readonly now: Date;
  /** Names of requirements that somebody has waived: they do not count towards what is at most allowed. */
  readonly waived: ReadonlySet<string>;
}

/**
 * Whether reports, taken together, stay within a rule. A vulnerability counts once, however many packages have it, as bad as
 * the worst report says. Where a severity has more than it may, each of its vulnerabilities is a requirement, so that it
 * can be waived by its id.
 */
export function judgeReports(
  rule: VulnerabilitiesRule,
  reports: readonly JudgedReport[],
  { now, waived }: JudgedAt,
): readonly Requirement[] {
  const counting = reports.filter((report) => isCounting(rule, report, now));
  if (counting.length === 0) return [missing(rule, reports)];
  const found = [...collect(rule, counting).values()].filter(({ id }) => !isAllowed(rule, id, now));
  const open: Vulnerability[] = [];
  const excused: Vulnerability[] = [];
  const within: string[] = [];
  let beyond = 0;
  for (const severity of SEVERITIES) {
    const limit = rule.atMost[severity];
    if (limit === undefined) continue;
    const all = found.filter((one) => one.severity === severity);
    const notWaived = all.filter(({ id }) => !waived.has(id));
    const unnamed = counting.reduce((sum, report) => sum + notKept(report, severity), 0);
    within.push(`${all.length + unnamed} ${severity} of at most ${limit}`);
    if (all.length + unnamed <= limit) continue;
    excused.push(...all.filter(({ id }) => waived.has(id)));
    if (notWaived.length + unnamed <= limit) continue;
    open.push(...notWaived);
    beyond += unnamed;
  }
  return [present(counting, within), ...listOffending({ open, waived: excused, unnamed: beyond }, rule, now)];
}

/** What is more than is allowed. */
interface Offending {
  readonly open: readonly Vulnerability[];
  /** Somebody has waived it. */
  readonly waived: readonly Vulnerability[];
  /** How many that were only counted. */
  readonly unnamed: number;
}

interface Vulnerability extends Finding {
  readonly packages: readonly string[];
  readonly report: JudgedReport;
}

function isCounting(
  { sources, maxAgeMs }: VulnerabilitiesRule,
  { source, at }: JudgedReport,
  now: Date,
): boolean {
  if (sources !== undefined && (source === undefined || !sources.includes(source))) return false;
  if (maxAgeMs === undefined) return true;
  const ageMs = at === undefined ? Number.NaN : now.getTime() - Date.parse(at);
  return ageMs <= maxAgeMs && ageMs >= -CLOCKS_APART_MS;
}

/** Each vulnerability once, as bad as the worst finding of it. */
function collect(rule: VulnerabilitiesRule, reports: readonly JudgedReport[]): Map<string, Vulnerability> {
  const byId = new Map<string, Vulnerability>();
  for (const report of reports) {
    for (const finding of report.findings) {
      if (rule.onlyFixable === true && !mayBeMended(finding, report)) continue;
      const former = byId.get(finding.id);
      const name = [finding.package, finding.version].filter((part) => part !== undefined).join(' ');
      const packages = [...new Set([...(former?.packages ?? []), ...(name === '' ? [] : [name])])];
      const isWorse = former === undefined || rank(finding.severity) < rank(former.severity);
      byId.set(finding.id, { ...(isWorse ? { ...finding, report } : former), packages });
    }
  }
  return byId;
}

/** SARIF does not tell what a newer version mends, so with it everything counts. */
function mayBeMended({ fixedIn }: Finding, { format }: JudgedReport): boolean {
  return fixedIn !== undefined || format === 'sarif';
}

function rank(severity: Severity): number {
  return SEVERITIES.indexOf(severity);
}

/** Findings of a severity that were only counted: what they are is not known, so none is allowed or waived by its id. */
function notKept({ findings, counts }: JudgedReport, severity: Severity): number {
  const kept = findings.reduce((sum, one) => sum + (one.severity === severity ? 1 : 0), 0);
  return Math.max(0, counts[severity] - kept);
}

function isAllowed({ allow = [] }: VulnerabilitiesRule, id: string, now: Date): boolean {
  return allow.some((one) => one.id === id && Date.parse(one.until) > now.getTime());
}

function missing({ sources, maxAgeMs }: VulnerabilitiesRule, reports: readonly JudgedReport[]): Requirement {
  const from = sources === undefined ? '' : ` from ${sources.join(' or ')}`;
  const age = maxAgeMs === undefined ? '' : `, not older than ${spell(maxAgeMs)}`;
  const others =
    reports.length === 0
      ? ''
      : `; there are ${reports.length} others: ${reports.slice(0, 5).map(shown).join(', ')}`;
  return {
    name: 'a report',
    satisfied: false,
    type: 'report-missing',
    detail: printable(`no report of vulnerabilities${from}${age} is here${others}`),
    pending: true,
  };
}

function present(reports: readonly JudgedReport[], within: readonly string[]): Requirement {
  return {
    name: 'a report',
    satisfied: true,
    type: 'report-found',
    detail: printable(
      `${reports.map(shown).join(', ')}${within.length === 0 ? '' : `: ${within.join(', ')}`}`,
    ),
    evidence: { reports: reports.map(({ id }) => id).join(' ') },
  };
}

function shown({ scanner, source, at, id }: JudgedReport): string {
  return `${scanner} ${source === undefined ? `in ${id}` : `from ${source}`}${at === undefined ? '' : ` of ${at}`}`;
}

/**
 * What offends, each by its id, the worst first; beyond a number only how many more there are. Of what was waived no more
 * is listed either: it needs no waiver then.
 */
function listOffending(
  { open, waived, unnamed }: Offending,
  rule: VulnerabilitiesRule,
  now: Date,
): readonly Requirement[] {
  const more = Math.max(0, open.length - SHOWN_MAX) + unnamed;
  return [
    ...worstFirst(open).map((one) => toRequirement(one, rule, now)),
    ...(more === 0
      ? []
      : [
          {
            name: 'more vulnerabilities',
            satisfied: false,
            type: 'vulnerability-found',
            detail: `there are ${more} more, which are not listed one by one`,
            evidence: { count: more },
          },
        ]),
    ...worstFirst(waived).map((one) => toRequirement(one, rule, now)),
  ];
}

function worstFirst(vulnerabilities: readonly Vulnerability[]): Vulnerability[] {
  return vulnerabilities
    .toSorted((a, b) => rank(a.severity) - rank(b.severity) || (a.id < b.id ? -1 : 1))
    .slice(0, SHOWN_MAX);
}

function toRequirement(found: Vulnerability, { allow = [] }: VulnerabilitiesRule, now: Date): Requirement {
  const { id, severity, packages, fixedIn, report } = found;
  const inPackages =
    packages.length === 0
      ? ''
      : ` in ${packages.slice(0, PACKAGES_SHOWN).join(', ')}${packages.length > PACKAGES_SHOWN ? ` and ${packages.length - PACKAGES_SHOWN} more` : ''}`;
  const mended = fixedIn === undefined ? '' : `, mended in ${fixedIn}`;
  const expired = allow.find((one) => one.id === id && Date.parse(one.until) <= now.getTime());
  const was = expired === undefined ? '' : `; it was allowed until ${expired.until}`;
  return {
    name: id,
    satisfied: false,
    type: 'vulnerability-found',
    detail: printable(`${id} is ${severity}${inPackages}${mended}, says ${shown(report)}${was}`),
    evidence: {
      severity,
      report: report.id,
      ...(found.package === undefined ? {} : { package: found.package }),
      ...(found.version === undefined ? {} : { version: found.version }),
      ...(fixedIn === undefined ? {} : { fixedIn }),
    },
  };
}
