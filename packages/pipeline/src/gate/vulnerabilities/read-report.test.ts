import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { anything, assert, constantFrom, json, nat, oneof, property } from 'fast-check';
import { type Digest, Fault } from '@gantry/oci';
import { REPORT_MAX_BYTES } from './parsed-report.ts';
import { parseReport, readReport } from './read-report.ts';
import { grypeReport, sarifReport, trivyReport } from './reports.fixture.ts';

const SAMPLE = [
  { id: 'CVE-2026-0002', severity: 'low', package: 'zlib1g', version: '1.3' },
  { id: 'CVE-2026-0001', severity: 'critical', package: 'openssl', version: '3.5.1', fixedIn: '3.5.2' },
  { id: 'GHSA-aaaa-bbbb-cccc', severity: 'unknown', package: '@scope/lib', version: '1.0.0' },
] as const;
const NONE = { critical: 0, high: 0, medium: 0, low: 0, negligible: 0, unknown: 0 };
const IMAGE: Digest = `sha256:${'a'.repeat(64)}`;

const faultOf = (act: () => unknown): Fault => {
  try {
    act();
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
};

/** Lets a Fault go, and nothing else. */
const readOrRefuse = (report: unknown) => {
  try {
    readReport(report);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
  }
};

describe('of Trivy and Grype', () => {
  test.each([
    ['trivy', trivyReport(SAMPLE), 'Trivy 0.67.2', '2026-11-21T08:00:00.123Z'],
    ['grype', grypeReport(SAMPLE), 'grype 0.104.1', '2026-11-21T08:00:00.500Z'],
  ] as const)('%s: each finding, the worst first', (format, report, scanner, scannedAt) => {
    expect(readReport(report)).toEqual({
      format,
      scanner,
      scannedAt,
      digests: [],
      findings: [SAMPLE[1], SAMPLE[0], SAMPLE[2]],
      counts: { ...NONE, critical: 1, low: 1, unknown: 1 },
    });
  });

  test('the digests that the report names', () => {
    const repoDigests = [`registry.example.org:5000/team/app@${IMAGE}`, 'nonsense'];
    expect(readReport(trivyReport([], { repoDigests })).digests).toEqual([IMAGE]);
    expect(readReport(grypeReport([], { repoDigests })).digests).toEqual([IMAGE]);
    expect(readReport(sarifReport([], [], { properties: { repoDigests } })).digests).toEqual([IMAGE]);
  });

  test('what Go leaves out or writes as null holds nothing', () => {
    expect(readReport({ SchemaVersion: 2, ArtifactName: 'a' }).findings).toEqual([]);
    expect(
      readReport({ SchemaVersion: 2, Metadata: null, Results: [{ Target: 'a', Vulnerabilities: null }] })
        .counts,
    ).toEqual(NONE);
  });

  test('a finding that stands there twice counts once, one in two packages twice', () => {
    const [low] = SAMPLE;
    const { findings } = readReport(trivyReport([low, low, { ...low, package: 'zlib-dev' }]));
    expect(findings.map((one) => one.package)).toEqual(['zlib1g', 'zlib-dev']);
  });

  test('what a vendor will not mend is not mended', () => {
    const report = grypeReport([SAMPLE[1]]);
    const [match] = report.matches;
    if (match !== undefined) match.vulnerability.fix.state = 'wont-fix';
    expect(readReport(report).findings[0]?.fixedIn).toBeUndefined();
  });

  test('10,000 findings are kept, the worst, and the rest counted', () => {
    const many = Array.from({ length: 10_005 }, (_, index) => ({
      id: `CVE-2026-${index}`,
      severity: index < 10_000 ? 'low' : 'high',
      package: 'p',
      version: '1',
    }));
    const { findings, counts } = readReport(grypeReport(many));
    expect(findings).toHaveLength(10_000);
    expect(findings.filter(({ severity }) => severity === 'high')).toHaveLength(5);
    expect(counts).toEqual({ ...NONE, high: 5, low: 10_000 });
  });

  test("Trivy's report in a record for attestation is taken out of it", () => {
    const { CreatedAt: _, ...result } = trivyReport(SAMPLE);
    const record = {
      invocation: {},
      scanner: { uri: 'pkg:github/aquasecurity/trivy', result },
      metadata: { scanStartedOn: '2026-11-21T07:00:00Z', scanFinishedOn: '2026-11-21T07:01:00Z' },
    };
    expect(readReport(record)).toMatchObject({ format: 'trivy', scannedAt: '2026-11-21T07:01:00.000Z' });
    const nested = { scanner: { result: record } };
    expect(faultOf(() => readReport(nested)).code).toBe('REQUEST_UNPROCESSABLE');
  });
});

describe('of SARIF', () => {
  test.each([
    ['its security-severity', { properties: { 'security-severity': '9.8' } }, undefined, 'critical'],
    [
      "its rule's security-severity, whatever its level",
      { level: 'note' },
      { properties: { 'security-severity': '7.0' } },
      'high',
    ],
    ['a number', { properties: { 'security-severity': 6.9 } }, undefined, 'medium'],
    ['a low one', { properties: { 'security-severity': '0.1' } }, undefined, 'low'],
    [
      'no severity that the scanner knows',
      { properties: { 'security-severity': '0.0' } },
      undefined,
      'unknown',
    ],
    ['its level', { level: 'error' }, { defaultConfiguration: { level: 'note' } }, 'high'],
    ["its rule's level", {}, { defaultConfiguration: { level: 'none' } }, 'negligible'],
    ['nothing: a warning', {}, {}, 'medium'],
  ])('the severity is that of %s', (_, result, rule, severity) => {
    const report = sarifReport(
      [{ ruleId: 'CVE-2026-1', message: { text: 'm' }, ...result }],
      rule === undefined ? [] : [{ id: 'CVE-2026-1', ...rule }],
    );
    expect(readReport(report).findings).toEqual([{ id: 'CVE-2026-1', severity }]);
  });

  test('a result may name its rule by its place, also in an extension', () => {
    const rules = [{ id: 'CVE-1' }, { id: 'CVE-2', properties: { 'security-severity': '9.0' } }];
    expect(readReport(sarifReport([{ ruleIndex: 1 }], rules)).findings).toEqual([
      { id: 'CVE-2', severity: 'critical' },
    ]);
    const report = sarifReport([{ rule: { index: 0, toolComponent: { index: 0 } } }], rules, {
      tool: { driver: { name: 'x' }, extensions: [{ name: 'y', rules: [{ id: 'CVE-3' }] }] },
    });
    expect(readReport(report).findings[0]?.id).toBe('CVE-3');
  });

  test('what is no problem, or is gone, is no finding; what was suppressed is one', () => {
    const results = [
      { ruleId: 'A', kind: 'pass' },
      { ruleId: 'B', kind: 'notApplicable' },
      { ruleId: 'C', baselineState: 'absent' },
      { ruleId: 'D', suppressions: [{ kind: 'external', status: 'accepted' }] },
      { ruleId: 'E', kind: 'review' },
    ];
    expect(readReport(sarifReport(results)).findings.map(({ id }) => id)).toEqual(['D', 'E']);
  });

  test.each([
    ['that has no results', { results: null }],
    ['that says so', { invocations: [{ executionSuccessful: false }] }],
  ])('a scan that failed, %s, is no report', (_, run) => {
    expect(faultOf(() => readReport(sarifReport([], [], run))).message).toContain('a scan that failed');
  });
});

describe('what is wrong is named with its place', () => {
  test.each([
    [
      trivyReport([{ ...SAMPLE[0], severity: 'IMPORTANT' }]),
      'Results.1.Vulnerabilities.0.Severity is not a severity',
    ],
    [grypeReport([{ ...SAMPLE[0], id: 'a b' }]), "matches.0.vulnerability.id is not a vulnerability's id"],
    [
      grypeReport([{ ...SAMPLE[0], id: 'x'.repeat(257) }]),
      "matches.0.vulnerability.id is not a vulnerability's id",
    ],
    [{ SchemaVersion: 1 }, "looks like Trivy's JSON, but SchemaVersion is not as it should be"],
    [
      { SchemaVersion: 2, Results: [{ Vulnerabilities: [{}] }] },
      'Results.0.Vulnerabilities.0.VulnerabilityID',
    ],
    [{ matches: [] }, "looks like Grype's JSON, but descriptor"],
    [{ ...sarifReport([]), version: '2.0.0' }, 'looks like SARIF, but version'],
    [{ version: '2.1.0', runs: [] }, 'it holds no run'],
    [sarifReport([{}]), 'runs.0.results.0 names no rule'],
    [sarifReport([{ ruleId: 'A', properties: { 'security-severity': '11' } }]), 'from 0.0 to 10.0'],
    [sarifReport([{ ruleId: 'A', properties: { 'security-severity': '' } }]), 'from 0.0 to 10.0'],
    [{}, 'trivy image --format json'],
    [[], 'trivy image --format json'],
    [null, 'trivy image --format json'],
    [{ bomFormat: 'CycloneDX', vulnerabilities: [] }, 'trivy image --format json'],
  ])('%#', (report, message) => {
    const fault = faultOf(() => readReport(report));
    expect(fault.code).toBe('REQUEST_UNPROCESSABLE');
    expect(fault.message).toContain(message);
  });

  test.each(['', '{', '[1', '\uFEFF{}', '{"a":1,"a":2}', 'null null'])('no JSON: %j', (text) => {
    expect(faultOf(() => parseReport(Buffer.from(text))).code).toBe('REQUEST_INVALID');
  });
});

describe('whatever comes', () => {
  const any = anything({ withNullPrototype: true, maxDepth: 4 });
  const known = constantFrom<unknown>(
    trivyReport(SAMPLE),
    grypeReport(SAMPLE),
    sarifReport([{ ruleId: 'A' }]),
  );

  test('nothing but a Fault is thrown', () => {
    assert(
      property(
        oneof(
          any,
          json().map((text): unknown => JSON.parse(text)),
        ),
        (value) => {
          expect(faultOf(() => readReport(value)).code).toBe('REQUEST_UNPROCESSABLE');
        },
      ),
    );
  });

  test('a report with any one value replaced by another is read, or refused by a Fault', () => {
    assert(
      property(known, nat(), any, (report, at, value) => {
        expect(() => readOrRefuse(replaceNth(report, at, value))).not.toThrow();
      }),
      { numRuns: 500 },
    );
  });

  test('names of the language are names, and change nothing', () => {
    const text = JSON.stringify(trivyReport([{ ...SAMPLE[0], id: '__proto__', package: 'constructor' }]));
    const hostile = text.replace('"SchemaVersion"', '"__proto__":{"polluted":true},"SchemaVersion"');
    expect(parseReport(Buffer.from(hostile)).findings).toEqual([
      { ...SAMPLE[0], id: '__proto__', package: 'constructor' },
    ]);
    expect({}).not.toHaveProperty('polluted');
  });

  test('a million brackets, and a record in a record without end, are refused', () => {
    const deep = `${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}`;
    expect(faultOf(() => parseReport(Buffer.from(deep))).code).toBe('REQUEST_UNPROCESSABLE');
    const records = `${'{"scanner":{"result":'.repeat(100_000)}1${'}}'.repeat(100_000)}`;
    expect(faultOf(() => parseReport(Buffer.from(records))).code).toBe('REQUEST_UNPROCESSABLE');
  });

  test('ReDoS: texts made for patterns that try again and again are read before anybody stops waiting', async () => {
    const long = 'a@'.repeat(500_000);
    const hostile = [
      trivyReport([{ id: '!'.repeat(1_000_000), severity: 'low' }], {
        repoDigests: [long, `${long}sha256:`],
      }),
      trivyReport([], { createdAt: `2026-11-21T${'0'.repeat(1_000_000)}Z` }),
      sarifReport([{ ruleId: 'A', properties: { 'security-severity': `${'1'.repeat(1_000_000)}.` } }]),
      grypeReport([{ id: 'A', severity: ' '.repeat(1_000_000) }]),
    ];
    reading = new Worker(new URL('read-reports.fixture.ts', import.meta.url), { workerData: hostile });
    expect(await once(reading, 'exit')).toEqual([0]);
  });
  let reading: Worker | undefined;
  afterEach(() => reading?.terminate());

  test('a report of 32 MiB is read', () => {
    const one = { ...SAMPLE[1], package: 'p'.repeat(2000) };
    const count = Math.floor(REPORT_MAX_BYTES / (JSON.stringify(grypeReport([one])).length - 500));
    const bytes = Buffer.from(
      JSON.stringify(
        grypeReport(Array.from({ length: count }, (_, index) => ({ ...one, id: `CVE-${index}` }))),
      ),
    );
    expect(bytes.length).toBeGreaterThan(REPORT_MAX_BYTES * 0.8);
    expect(parseReport(bytes).findings.length).toBeGreaterThan(5000);
  });
});

/** The value with the nth of all values in it (counted as they come) replaced. */
function replaceNth(root: unknown, n: number, value: unknown): unknown {
  const copy: Record<string, unknown> = structuredClone({ root });
  const places: (readonly [Record<string, unknown>, string])[] = [];
  const walk = (holder: object) => {
    for (const [key, held] of Object.entries(holder)) {
      places.push([holder as Record<string, unknown>, key]);
      if (typeof held === 'object' && held !== null) walk(held);
    }
  };
  walk(copy);
  const [holder, key] = places[n % places.length] ?? [copy, 'root'];
  holder[key] = value;
  return copy['root'];
}
