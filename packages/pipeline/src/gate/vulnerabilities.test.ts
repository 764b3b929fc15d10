import type { Waiver } from '@gantry/catalog';
import { type Digest, digestOf, splitDigest } from '@gantry/oci';
import {
  type MadeManifest,
  makeArtifact,
  makeBlob,
  makeImage,
  makeIndex,
  makeLayer,
  makeSbom,
} from '@gantry/registry';
import { type FlowFixture, openFlow } from '../flow.fixture.ts';
import type { VulnerabilitiesRule } from './configuration.ts';
import { currentSubject } from './current-subject.fixture.ts';
import { openVulnerabilitiesGate } from './vulnerabilities.ts';
import { readReport } from './vulnerabilities/read-report.ts';
import { grypeReport, sarifReport, trivyReport } from './vulnerabilities/reports.fixture.ts';

const IMAGE = makeImage({
  platform: { os: 'linux', architecture: 'amd64' },
  layers: [makeLayer([{ path: 'a', content: '1' }])],
});
const BAD = { id: 'CVE-2026-0001', severity: 'critical', package: 'openssl', version: '3.5.1' };
const VULN = 'https://cosign.sigstore.dev/attestation/vuln/v1';
const TRIVY = 'application/vnd.aquasec.trivy.report.json.v1+json';

async function synced(push?: (fixture: FlowFixture) => void): Promise<FlowFixture> {
  const fixture = await openFlow();
  fixture.upstream.push('app', IMAGE, '1.0');
  push?.(fixture);
  await fixture.sync();
  return fixture;
}

async function ask({ flow }: FlowFixture, rule: Partial<VulnerabilitiesRule> = {}) {
  const evaluate = openVulnerabilitiesGate({ atMost: { critical: 0 }, ...rule }, 'scan');
  const subject = await currentSubject(flow, 'app', '1.0');
  return evaluate(subject, { flow, signal: new AbortController().signal });
}
const namesOf = (requirements: Awaited<ReturnType<typeof ask>>) =>
  requirements.map(({ name, satisfied }) => `${satisfied ? 'ok' : 'no'} ${name}`);

/** A report as an artifact of its own type. */
const attached = (artifactType: string, report: unknown, subject = IMAGE): MadeManifest =>
  makeArtifact({ artifactType, layers: [makeBlob(artifactType, JSON.stringify(report))], subject });

/** A statement, as `cosign attest` pushes it beside the image. */
function attestation(
  predicate: unknown,
  digest: Digest,
  predicateType = VULN,
  annotated = true,
): MadeManifest {
  const { algorithm, hex } = splitDigest(digest);
  const statement = {
    _type: 'https://in-toto.io/Statement/v0.1',
    predicateType,
    subject: [{ name: 'app', digest: { [algorithm]: hex } }],
    predicate,
  };
  const payload = Buffer.from(JSON.stringify(statement)).toString('base64');
  const envelope = { payloadType: 'application/vnd.in-toto+json', payload, signatures: [{ sig: 'AAAA' }] };
  return makeArtifact({
    config: makeBlob('application/vnd.oci.image.config.v1+json', '{}'),
    layers: [makeBlob('application/vnd.dsse.envelope.v1+json', JSON.stringify(envelope))],
    ...(annotated ? { layerAnnotations: { predicateType } } : {}),
  });
}
const attTag = `${IMAGE.digest.replace(':', '-')}.att`;
const record = (result: unknown) => ({
  scanner: { uri: 'pkg:x', result },
  metadata: { scanFinishedOn: '2026-11-20T09:00:00Z' },
});

describe('a report that came with the image', () => {
  test.each<[string, MadeManifest, string[]]>([
    ['Trivy', attached(TRIVY, trivyReport([BAD])), []],
    [
      'SARIF',
      attached(
        'application/sarif+json',
        sarifReport([{ ruleId: BAD.id, properties: { 'security-severity': '9.8' } }]),
      ),
      [],
    ],
    ['an attestation', attestation(record(trivyReport([BAD])), IMAGE.digest), [attTag]],
    [
      'an attestation that says nothing outside',
      attestation(record(grypeReport([BAD])), IMAGE.digest, VULN, false),
      [attTag],
    ],
  ])('%s', async (_, made, tags) => {
    await using fixture = await synced(({ upstream }) => upstream.push('app', made, ...tags));
    const requirements = await ask(fixture);
    expect(namesOf(requirements)).toEqual(['ok a report', 'no CVE-2026-0001']);
    expect(requirements[0]?.evidence).toEqual({ reports: made.digest });
  });

  test('is none where systems are named, nor when it does not say its age and must be new', async () => {
    await using fixture = await synced(({ upstream }) =>
      upstream.push('app', attached('application/sarif+json', sarifReport([]))),
    );
    expect(namesOf(await ask(fixture))).toEqual(['ok a report']);
    expect(namesOf(await ask(fixture, { sources: ['ci'] }))).toEqual(['no a report']);
    expect(namesOf(await ask(fixture, { maxAgeMs: 86_400_000 }))).toEqual(['no a report']);
  });

  test('after the promotion was accepted counts', async () => {
    await using fixture = await synced();
    const subject = await currentSubject(fixture.flow, 'app', '1.0');
    fixture.upstream.push('app', attached(TRIVY, trivyReport([])));
    await fixture.sync();
    const evaluate = openVulnerabilitiesGate({ atMost: {} }, 'scan');
    const context = { flow: fixture.flow, signal: new AbortController().signal };
    expect(namesOf(await evaluate(subject, context))).toEqual(['ok a report']);
  });

  test.each<[string, MadeManifest, string[], string]>([
    ['is no report', attached(TRIVY, { hello: 'world' }), [], 'of no format that is known'],
    [
      'is about another image',
      attestation(record(trivyReport([])), digestOf('other')),
      [attTag],
      'about another image',
    ],
    [
      'names another image',
      attached(TRIVY, trivyReport([], { repoDigests: [`r@${digestOf('other')}`] })),
      [],
      'about another image',
    ],
    [
      'is of a scan that failed',
      attached('application/sarif+json', sarifReport([], [], { results: null })),
      [],
      'a scan that failed',
    ],
  ])('and %s refuses', async (_, made, tags, why) => {
    await using fixture = await synced(({ upstream }) => {
      upstream.push('app', made, ...tags);
      upstream.push('app', attached('application/sarif+json', sarifReport([])));
    });
    const requirements = await ask(fixture);
    expect(namesOf(requirements)).toEqual(['ok a report', `no ${made.digest}`]);
    expect(requirements[1]).toMatchObject({ type: 'report-invalid', detail: expect.stringContaining(why) });
  });

  test('is not looked for in what is something else', async () => {
    await using fixture = await synced(({ upstream }) => {
      upstream.push('app', makeSbom(IMAGE, 'app'));
      upstream.push('app', attestation({}, IMAGE.digest, 'https://slsa.dev/provenance/v1', false), attTag);
    });
    expect(await ask(fixture)).toMatchObject([{ name: 'a report', type: 'report-missing', pending: true }]);
  });

  test('and is more than are read refuses: the one that is bad might be the last', async () => {
    await using fixture = await synced(({ upstream }) => {
      for (let day = 1; day <= 52; day++)
        upstream.push('app', attached(TRIVY, trivyReport([], { createdAt: `2026-10-01T00:00:${day}Z` })));
    });
    const names = namesOf(await ask(fixture));
    expect(names).toHaveLength(3);
    expect(names.slice(1)).toEqual([
      expect.stringMatching(/^no sha256:/),
      expect.stringMatching(/^no sha256:/),
    ]);
  });

  test('of a child does not speak for its index', async () => {
    await using fixture = await openFlow();
    fixture.upstream.push('app', makeIndex([IMAGE]), '1.0');
    fixture.upstream.push('app', attached(TRIVY, trivyReport([])));
    await fixture.sync();
    expect(namesOf(await ask(fixture))).toEqual(['no a report']);
  });
});

async function post({ flow }: FlowFixture, vulnerabilities: readonly (typeof BAD)[], submittedAt: string) {
  const { format, scanner, findings, counts } = readReport(grypeReport(vulnerabilities));
  await flow.catalog.reports.put({
    id: `report-${submittedAt}`,
    digest: IMAGE.digest,
    format,
    scanner,
    source: 'ci',
    findings,
    counts,
    content: digestOf('the bytes'),
    submittedBy: 'ci-token',
    submittedAt,
  });
}

describe('a report that was posted', () => {
  test('counts, the newest of its system alone', async () => {
    await using fixture = await synced();
    await post(fixture, [BAD], '2026-11-21T08:00:00.000Z');
    expect(namesOf(await ask(fixture))).toEqual(['ok a report', 'no CVE-2026-0001']);
    await post(fixture, [], '2026-11-21T08:30:00.000Z');
    expect(namesOf(await ask(fixture, { sources: ['ci'], maxAgeMs: 3_600_000 }))).toEqual(['ok a report']);
  });

  test('may have vulnerabilities that were waived by their ids, for this gate', async () => {
    await using fixture = await synced();
    const other = { ...BAD, id: 'CVE-2026-0002' };
    await post(fixture, [BAD, other], '2026-11-21T08:00:00.000Z');
    const waiver: Waiver = {
      id: 'w1',
      channel: 'stable',
      digest: IMAGE.digest,
      gate: 'scan',
      requirement: BAD.id,
      reason: 'not reachable',
      author: 'lead',
      createdAt: '2026-11-21T08:00:00.000Z',
      expiresAt: '2026-11-22T08:00:00.000Z',
    };
    await fixture.flow.catalog.waivers.create({ ...waiver, id: 'w0', gate: 'another' });
    expect(namesOf(await ask(fixture, { atMost: { critical: 1 } }))).toHaveLength(3);
    await fixture.flow.catalog.waivers.create(waiver);
    // One is waived, and one may be: what is waived is all that is asked for.
    expect(namesOf(await ask(fixture, { atMost: { critical: 1 } }))).toEqual(['ok a report', `no ${BAD.id}`]);
  });
});
