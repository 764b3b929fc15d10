import { digestOf } from '@gantry/oci';
import { openApi, sharedApi } from '../api.fixture.ts';

const DIGEST = digestOf('an image');
const OTHER = digestOf('another image');
const FOUND = {
  id: 'CVE-2026-0001',
  severity: 'critical',
  package: 'openssl',
  version: '3.5.1',
  fixedIn: '3.5.2',
};

function grype(findings: readonly (typeof FOUND)[], repoDigests: readonly string[] = []) {
  return {
    matches: findings.map((one) => ({
      vulnerability: {
        id: one.id,
        severity: one.severity,
        fix: { state: 'fixed', versions: [one.fixedIn] },
      },
      artifact: { name: one.package, version: one.version },
    })),
    source: { type: 'image', target: { repoDigests } },
    descriptor: { name: 'grype', version: '0.104.1' },
  };
}

const place = (query: Readonly<Record<string, string>>) =>
  `/api/v1/reports?${new URLSearchParams(query).toString()}`;

describe('POST /api/v1/reports', () => {
  const shared = sharedApi();
  const post = (body: unknown, query: Readonly<Record<string, string>> = { digest: DIGEST }) =>
    shared().call('POST', place(query), { token: 'approver', body });

  test('keeps a report, which can be listed and read', async () => {
    const report = grype([FOUND]);
    const { status, body } = await post(report, { digest: DIGEST, repository: 'team/app' });
    expect(status).toBe(201);
    expect(body).toEqual({
      id: expect.any(String),
      digest: DIGEST,
      repository: 'team/app',
      format: 'grype',
      scanner: 'grype 0.104.1',
      source: 'candidates',
      counts: { critical: 1, high: 0, medium: 0, low: 0, negligible: 0, unknown: 0 },
      content: digestOf(JSON.stringify(report)),
      submittedBy: 'approver',
      submittedAt: expect.any(String),
    });
    const { items } = await shared().listAll(place({ digest: DIGEST, source: 'candidates' }), 1);
    expect(items).toEqual([body]);
    expect((await shared().call('GET', place({ source: 'other' }))).body.items).toEqual([]);
    const whole = await shared().call('GET', `/api/v1/reports/${body.id}`);
    expect(whole.body).toEqual({ ...body, findings: [FOUND] });
  });

  test('takes SARIF with its own media type', async () => {
    const sarif = { version: '2.1.0', runs: [{ tool: { driver: { name: 'x' } }, results: [] }] };
    const { status, body } = await shared().call('POST', place({ digest: DIGEST, source: 'sarif' }), {
      body: sarif,
      headers: { 'Content-Type': 'application/sarif+json' },
    });
    expect([status, body.format, body.source]).toEqual([201, 'sarif', 'sarif']);
  });

  test('takes a report of more than 1 MiB, and refuses one of more than 32 MiB', async () => {
    const large = { ...grype([FOUND]), filler: 'x'.repeat(2 * 1024 * 1024) };
    expect((await post(large)).status).toBe(201);
    const tooLarge = `{"filler":"${'x'.repeat(32 * 1024 * 1024)}"}`;
    const { status, body } = await post(tooLarge);
    expect([status, body.type]).toEqual([413, 'urn:gantry:problem:request-too-large']);
  });

  test.each([
    ['what is no JSON', '{', 400, 'the body can not be read'],
    ['no body', '', 400, 'there is none'],
    ['a list', [], 400, 'expected object'],
    ['an SBOM', { bomFormat: 'CycloneDX' }, 422, 'send what `trivy image --format json`'],
    [
      'a severity that is none',
      grype([{ ...FOUND, severity: 'bad' }]),
      422,
      'matches.0.vulnerability.severity',
    ],
    ['a report of another image', grype([], [`r@${OTHER}`]), 422, `it names ${OTHER}, not ${DIGEST}`],
  ])('refuses %s and says what would be right', async (_, sent, status, detail) => {
    const answered = await post(sent);
    expect(answered.status).toBe(status);
    expect(answered.body.detail).toContain(detail);
  });

  test.each([
    [{ source: 'candidates' }, 400],
    [{ digest: 'sha256:1' }, 400],
    [{ digest: DIGEST, repository: 'UPPER' }, 400],
    [{ digest: DIGEST, source: '../x' }, 400],
    [{ digest: DIGEST, sources: 'x' }, 400],
    [{ digest: DIGEST, source: 'other' }, 403],
  ])('refuses the query %j', async (query, status) => {
    expect((await post(grype([]), query as Record<string, string>)).status).toBe(status);
  });

  test('which system it is from must be said by who may speak for any', async () => {
    const { status, body } = await shared().call('POST', place({ digest: DIGEST }), { body: grype([]) });
    expect(status).toBe(422);
    expect(body.detail).toContain('source is missing: the token may report for any system');
  });

  test('a report of an index, or of one of its images, is about both', async () => {
    const { catalog } = shared().flow;
    const [index, child] = [digestOf('an index'), digestOf('its child')];
    await catalog.manifests.put({ digest: index, kind: 'oci-index', size: 1, manifests: [child], blobs: [] });
    expect((await post(grype([], [`r@${index}`]), { digest: child })).status).toBe(201);
    expect((await post(grype([], [`r@${child}`]), { digest: index })).status).toBe(201);
    expect((await post(grype([], [`r@${OTHER}`]), { digest: index })).status).toBe(422);
  });
});

test('a report that is not there is not found', async () => {
  await using api = await openApi();
  const { status, body } = await api.call('GET', '/api/v1/reports/none');
  expect([status, body.type]).toEqual([404, 'urn:gantry:problem:report-unknown']);
});
