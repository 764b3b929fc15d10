import { once } from 'node:events';
import type { Gate } from '@gantry/pipeline';
import { openApi } from '../api.fixture.ts';
import { until } from '../until.fixture.ts';
import { openGated } from './gates.fixture.ts';

const item = { repository: 'fedora/httpd', reference: 'v1' };
const open = () =>
  openGated([{ name: 'tests', results: { testcases: ['smoke', 'upgrade'] } }, { approvals: { count: 1 } }]);

describe('a decision', () => {
  test('says before and after what is missing, and promotes nothing', async () => {
    await using api = await open();
    const decide = async (body: object = { items: [item], to: 'stable' }) => {
      const { status, body: answer } = await api.call('POST', '/api/v1/decisions', { token: 'reader', body });
      expect(status).toBe(200);
      return answer;
    };
    const before = await decide();
    expect(before).toEqual({
      policies_satisfied: false,
      summary: '3 of 3 requirements are not satisfied; 3 may still come',
      applicable_policies: ['tests', 'approvals'],
      satisfied_requirements: [],
      unsatisfied_requirements: [
        {
          type: 'test-result-missing',
          testcase: 'smoke',
          subject_type: 'container-image',
          subject_identifier: `fedora/httpd@${api.digest}`,
          scenario: null,
          source: null,
          result_id: null,
          waiver_id: null,
          gate: 'tests',
          kind: 'results',
          detail: 'no result of smoke was reported',
          pending: true,
          evidence: { testcase: 'smoke' },
        },
        expect.objectContaining({ testcase: 'upgrade', type: 'test-result-missing' }),
        expect.objectContaining({ testcase: 'approvals', type: 'approval-missing' }),
      ],
      subjects: [{ ...item, digest: api.digest }],
    });
    await api.call('POST', '/api/v1/results', {
      body: { digest: api.digest, testcase: 'smoke', outcome: 'PASSED', source: 'ci', id: 'r1' },
    });
    const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
    for (const gate of ['tests', 'approvals'])
      await api.call('POST', '/api/v1/waivers', {
        body: { channel: 'stable', ...item, gate, reason: 'why', expiresAt },
      });
    const after = await decide({ items: [item], to: 'stable', verbose: true });
    expect(after).toMatchObject({
      policies_satisfied: true,
      summary: 'all 3 requirements are satisfied',
      satisfied_requirements: [
        { type: 'test-result-passed', result_id: 'ci:r1', source: 'ci', waiver_id: null },
        { type: 'test-result-missing-waived', testcase: 'upgrade', waiver_id: expect.any(String) },
        { type: 'approval-missing-waived', waiver_id: expect.any(String) },
      ],
      unsatisfied_requirements: [],
      results: [{ id: 'ci:r1' }],
      waivers: [{ gate: 'tests' }, { gate: 'approvals' }],
    });
    expect((await api.call('GET', '/api/v1/promotions')).body.items).toEqual([]);
  });

  test.each([
    ['an identifier', (digest: string) => ({ subject_identifier: `fedora/httpd@${digest}` })],
    ['a tag', () => ({ subject_identifier: 'fedora/httpd:v1', product_version: 'f43' })],
    ['a list', () => ({ subject: [{ type: 'container-image', item: 'fedora/httpd:v1' }] })],
  ])('is asked for as Greenwave is: by %s', async (_how, subject) => {
    await using api = await open();
    const { status, body } = await api.call('POST', '/api/v1/decisions', {
      body: { decision_context: 'stable', subject_type: 'container-image', ...subject(api.digest) },
    });
    expect([status, body.policies_satisfied, body.unsatisfied_requirements.length]).toEqual([200, false, 3]);
    expect(body.unsatisfied_requirements[0].subject_identifier).toBe(`fedora/httpd@${api.digest}`);
  });

  test.each([
    [{ subject_type: 'koji_build', subject_identifier: 'fedora/httpd:v1' }, 'subject_type'],
    [{ subject: [{ type: 'koji_build', item: 'fedora/httpd:v1' }] }, 'subject[0].type'],
  ])('of what is no image is refused: %j', async (subject, at) => {
    await using api = await open();
    const ask = (asked: object) =>
      api.call('POST', '/api/v1/decisions', { body: { decision_context: 'stable', ...asked } });
    const { status, body } = await ask(subject);
    expect([status, body.type, body.detail]).toEqual([
      422,
      'urn:gantry:problem:request-unprocessable',
      `${at}: "koji_build" is not known here: container-image, redhat-container-image, oci-image are`,
    ]);
    const known = { subject_type: 'redhat-container-image', subject_identifier: 'fedora/httpd:v1' };
    expect((await ask(known)).status).toBe(200);
  });

  test('of what is not there names it, beside what else is asked for', async () => {
    await using api = await open();
    const { body } = await api.call('POST', '/api/v1/decisions', {
      body: { items: [item, { ...item, reference: 'gone' }], to: 'stable' },
    });
    expect(body).toMatchObject({
      policies_satisfied: false,
      summary: '4 of 4 requirements are not satisfied; 3 may still come',
    });
    expect(body.unsatisfied_requirements[0]).toMatchObject({
      type: 'reference-unknown',
      subject_identifier: 'fedora/httpd:gone',
      gate: null,
      detail: expect.stringContaining('is not among the candidates'),
    });
  });

  test('for a channel without gates is yes', async () => {
    await using api = await open();
    const { body } = await api.call('POST', '/api/v1/decisions', { body: { items: [item], to: 'testing' } });
    expect([body.policies_satisfied, body.summary]).toEqual([true, 'nothing is asked for']);
  });

  test('is made with few others at once, of all callers; who goes leaves its place, and too many may not wait', async () => {
    let asked = 0;
    const hanging: Gate = {
      name: 'policy',
      kind: 'http',
      waitMs: 0,
      async evaluate(_subject, { signal }) {
        if (++asked > 4) return [];
        await once(signal, 'abort');
        throw signal.reason;
      },
    };
    await using api = await openApi({
      channels: [{ name: 'stable', prefix: '', publish: true, gates: [hanging] }],
    });
    await api.putCandidate('fedora/httpd', 'v1');
    const leave = new AbortController();
    const ask = (options: RequestInit = {}) =>
      fetch(new URL('/api/v1/decisions', api.url), {
        method: 'POST',
        headers: { Authorization: 'Bearer reader-token', 'Content-Type': 'application/json' },
        body: JSON.stringify({ items: [item], to: 'stable' }),
        ...options,
      });
    const answers: Response[] = [];
    const leaving = Array.from({ length: 20 }, () =>
      ask({ signal: leave.signal }).then(
        (answer) => answers.push(answer),
        () => undefined,
      ),
    );
    await until('as many to be decided as may be', () => asked === 4);
    const staying = Array.from({ length: 100 }, async () => answers.push(await ask()));
    await until('the others to be refused', () => answers.length === 16);
    expect(answers.map(({ status, headers }) => [status, headers.get('retry-after')])).toEqual(
      Array.from({ length: 16 }, () => [429, '5']),
    );
    expect(await answers[0]?.json()).toMatchObject({
      type: 'urn:gantry:problem:toomanyrequests',
      detail: '100 decisions wait here already: ask again later',
    });
    expect(asked).toBe(4);
    leave.abort();
    await Promise.all([...leaving, ...staying]);
    const decided = answers.filter(({ status }) => status === 200).length;
    expect(answers).toHaveLength(16 + decided);
    expect(asked).toBe(4 + decided); // nobody asked for those that have gone
  }, 30_000);

  test.each([
    [{ items: [item], to: 'none' }, 404, 'channel-unknown', 'there is no channel "none"'],
    [{ items: [{ ...item, repository: 'A' }], to: 'stable' }, 400, 'name-invalid', 'items[0]: "A"'],
    [{ items: [{ ...item, tags: ['-'] }], to: 'stable' }, 400, 'tag-invalid', 'items[0]: "-"'],
    [{ items: [], to: 'stable' }, 400, 'request-invalid', 'items'],
    [{ items: [item], to: 'stable', rules: [] }, 400, 'request-invalid', '"rules" is not a member'],
    [{ decision_context: 'stable' }, 400, 'request-invalid', 'must have subject_identifier or subject'],
    [
      { decision_context: 'stable', subject_identifier: 'a' },
      400,
      'tag-invalid',
      'subject[0]: "a" names no tag',
    ],
    [{ decision_context: ['stable'], subject_identifier: 'a:1' }, 400, 'request-invalid', 'decision_context'],
  ])('%j is refused', async (asked, expected, type, detail) => {
    await using api = await open();
    const { status, body } = await api.call('POST', '/api/v1/decisions', { body: asked });
    expect([status, body.type]).toEqual([expected, `urn:gantry:problem:${type}`]);
    expect(body.detail).toContain(detail);
  });
});
