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
        { type: 'test-result-passed', result_id: 'r1', source: 'ci', waiver_id: null },
        { type: 'test-result-missing-waived', testcase: 'upgrade', waiver_id: expect.any(String) },
        { type: 'approval-missing-waived', waiver_id: expect.any(String) },
      ],
      unsatisfied_requirements: [],
      results: [{ id: 'r1' }],
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
