import type { Finding } from '@gantry/catalog';
import type { VulnerabilitiesRule } from '../configuration.ts';
import { type JudgedReport, judgeReports } from './judge-reports.ts';
import { countBySeverity } from './parsed-report.ts';

const NOW = new Date('2026-11-21T09:00:00.000Z');
const DAY_MS = 86_400_000;

function report(findings: readonly Finding[], more: Partial<JudgedReport> = {}): JudgedReport {
  return {
    id: 'r1',
    format: 'trivy',
    scanner: 'Trivy 0.67.2',
    source: 'scanner',
    at: '2026-11-20T09:00:00.000Z',
    findings,
    counts: countBySeverity(findings),
    ...more,
  };
}

const CRITICAL: Finding = { id: 'CVE-2026-0001', severity: 'critical', package: 'openssl', version: '3.5.1' };
const HIGHS: readonly Finding[] = ['CVE-2026-0002', 'CVE-2026-0003', 'CVE-2026-0004'].map((id) => ({
  id,
  severity: 'high',
  package: 'curl',
  version: '8.0',
  fixedIn: '8.1',
}));

function judge(
  rule: Partial<VulnerabilitiesRule>,
  reports: readonly JudgedReport[],
  waived: readonly string[] = [],
) {
  const requirements = judgeReports({ atMost: { critical: 0, high: 2 }, ...rule }, reports, {
    now: NOW,
    waived: new Set(waived),
  });
  return {
    requirements,
    missing: requirements.filter(({ satisfied }) => !satisfied).map(({ name }) => name),
  };
}

describe('what is in a report', () => {
  test('passes within what may be', () => {
    const { requirements, missing } = judge({}, [
      report([...HIGHS.slice(1), { id: 'X', severity: 'unknown' }]),
    ]);
    expect(missing).toEqual([]);
    expect(requirements).toEqual([
      {
        name: 'a report',
        satisfied: true,
        type: 'report-found',
        detail:
          'Trivy 0.67.2 from scanner of 2026-11-20T09:00:00.000Z: 0 critical of at most 0, 2 high of at most 2',
        evidence: { reports: 'r1' },
      },
    ]);
  });

  test('names each vulnerability of a severity that has too many, the worst first', () => {
    const { requirements, missing } = judge({}, [report([...HIGHS, CRITICAL])]);
    expect(missing).toEqual([CRITICAL.id, ...HIGHS.map(({ id }) => id)]);
    expect(requirements[2]).toEqual({
      name: 'CVE-2026-0002',
      satisfied: false,
      type: 'vulnerability-found',
      detail:
        'CVE-2026-0002 is high in curl 8.0, mended in 8.1, says Trivy 0.67.2 from scanner of 2026-11-20T09:00:00.000Z',
      evidence: { severity: 'high', report: 'r1', package: 'curl', version: '8.0', fixedIn: '8.1' },
    });
  });

  test('counts a vulnerability of many packages once, as bad as the worst of all reports says', () => {
    const inMany = HIGHS.map((one) => ({ ...one, id: 'CVE-2026-0009', package: one.id }));
    expect(judge({}, [report(inMany)]).missing).toEqual([]);
    const other = report([{ id: 'CVE-2026-0009', severity: 'critical' }], { id: 'r2', source: 'other' });
    expect(judge({}, [report(inMany), other]).missing).toEqual(['CVE-2026-0009']);
  });

  test('lists the worst 100, and how many more there are', () => {
    const many = Array.from({ length: 130 }, (_, index) => ({ ...CRITICAL, id: `CVE-2026-${1000 + index}` }));
    const { requirements, missing } = judge({}, [report(many)]);
    expect(missing).toHaveLength(101);
    expect(requirements.at(-1)).toMatchObject({ name: 'more vulnerabilities', evidence: { count: 30 } });
  });

  test('what was only counted can neither be allowed nor waived by its id', () => {
    const cut = report([CRITICAL], {
      counts: { critical: 3, high: 0, medium: 0, low: 0, negligible: 0, unknown: 0 },
    });
    expect(judge({}, [cut], [CRITICAL.id]).missing).toEqual(['more vulnerabilities', CRITICAL.id]);
    expect(judge({ atMost: { critical: 3 } }, [cut]).missing).toEqual([]);
  });
});

describe('what does not count', () => {
  test('what was allowed, until its time', () => {
    const allow = (until: string) => ({ allow: [{ id: CRITICAL.id, until, reason: 'not reachable' }] });
    expect(judge(allow('2026-11-21T09:00:01Z'), [report([CRITICAL])]).missing).toEqual([]);
    const { requirements, missing } = judge(allow('2026-11-21T09:00:00Z'), [report([CRITICAL])]);
    expect(missing).toEqual([CRITICAL.id]);
    expect(requirements[1]?.detail).toContain('; it was allowed until 2026-11-21T09:00:00Z');
  });

  test('with onlyFixable what nothing mends; of SARIF, which does not tell, all counts', () => {
    const rule = { onlyFixable: true, atMost: { critical: 0, high: 0 } };
    expect(judge(rule, [report([CRITICAL])]).missing).toEqual([]);
    expect(judge(rule, [report(HIGHS.slice(0, 1))]).missing).toEqual(['CVE-2026-0002']);
    expect(judge(rule, [report([CRITICAL], { format: 'sarif' })]).missing).toEqual([CRITICAL.id]);
  });

  test('what was waived, so that waiving the one that is too much is enough', () => {
    const [first, ...others] = HIGHS.map(({ id }) => id);
    expect(judge({}, [report(HIGHS)], [first ?? '']).missing).toEqual([first]);
    expect(judge({ atMost: { high: 1 } }, [report(HIGHS)], [first ?? '']).missing).toEqual([
      ...others,
      first,
    ]);
  });
});

describe('a report that counts must be there', () => {
  test('none is waited for', () => {
    expect(judge({}, []).requirements).toEqual([
      {
        name: 'a report',
        satisfied: false,
        type: 'report-missing',
        detail: 'no report of vulnerabilities is here',
        pending: true,
      },
    ]);
  });

  test('of the systems that are named, where some are', () => {
    const rule = { sources: ['ci', 'nightly'] };
    expect(judge(rule, [report([], { source: 'ci' })]).missing).toEqual([]);
    const { source: _, ...attached } = report([]);
    const { requirements } = judge(rule, [report([]), attached]);
    expect(requirements).toMatchObject([{ type: 'report-missing', pending: true }]);
    expect(requirements[0]?.detail).toContain('from ci or nightly');
    expect(requirements[0]?.detail).toContain('there are 2 others: Trivy 0.67.2 from scanner');
  });

  test('not older than it may be; one that does not say when, or says a time to come, is no proof', () => {
    const rule = { maxAgeMs: DAY_MS };
    expect(judge(rule, [report([])]).missing).toEqual([]);
    expect(judge(rule, [report([], { at: '2026-11-20T08:59:59.999Z' })]).missing).toEqual(['a report']);
    expect(judge(rule, [report([], { at: '2099-01-01T00:00:00.000Z' })]).missing).toEqual(['a report']);
    const { at: _, ...timeless } = report([]);
    expect(judge(rule, [timeless]).missing).toEqual(['a report']);
    expect(judge({}, [timeless]).missing).toEqual([]);
  });

  test('an old report that was bad does not count against a new one', () => {
    const old = report([CRITICAL], { id: 'r0', source: 'old', at: '2026-01-01T00:00:00.000Z' });
    expect(judge({ maxAgeMs: DAY_MS }, [old, report([])]).missing).toEqual([]);
    expect(judge({}, [old, report([])]).missing).toEqual([CRITICAL.id]);
  });
});
