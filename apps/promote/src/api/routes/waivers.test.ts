import { openGated } from './gates.fixture.ts';

const IN_AN_HOUR = () => new Date(Date.now() + 3_600_000).toISOString();
const waiver = (some: object = {}) => ({
  channel: 'stable',
  repository: 'fedora/httpd',
  reference: 'v1',
  gate: 'tests',
  reason: 'a known flake',
  expiresAt: IN_AN_HOUR(),
  ...some,
});
const open = () =>
  openGated([{ name: 'tests', waitMs: 60_000, results: { testcases: ['smoke', 'upgrade'] } }]);

describe('a waiver', () => {
  test('makes up for what is missing, on record, and stands in the verdict', async () => {
    await using api = await open();
    const { id } = await api.ask();
    const post = (some: object) =>
      api.call('POST', '/api/v1/waivers', { token: 'approver', body: waiver(some) });
    const { status, body: first } = await post({ requirement: 'smoke' });
    expect([status, first]).toEqual([
      201,
      {
        id: first.id,
        channel: 'stable',
        repository: 'fedora/httpd',
        digest: api.digest,
        gate: 'tests',
        requirement: 'smoke',
        reason: 'a known flake',
        author: 'approver',
        createdAt: first.createdAt,
        expiresAt: first.expiresAt,
        revoked: null,
      },
    ]);
    expect((await api.again(id)).state).toBe('gating');
    const { body: second } = await post({ requirement: 'upgrade', reference: api.digest });
    expect(await api.waiting('promote')).toBe(3); // the promotion itself, and after each waiver
    expect(await api.again(id)).toMatchObject({
      state: 'done',
      gates: [{ state: 'waived', requirements: [{ waiver: first.id }, { waiver: second.id }] }],
    });
    const { body } = await api.call('GET', `/api/v1/waivers?channel=stable&digest=${api.digest}`);
    expect(body.items.map(({ id: one }: { id: string }) => one)).toEqual([second.id, first.id]);
  });

  test('that was revoked holds no more, and stays on record', async () => {
    await using api = await open();
    const { body } = await api.call('POST', '/api/v1/waivers', { body: waiver() });
    const { status, body: revoked } = await api.call('DELETE', `/api/v1/waivers/${body.id}`, {
      token: 'approver',
    });
    expect([status, revoked]).toEqual([
      200,
      { ...body, revoked: { by: 'approver', at: expect.any(String) } },
    ]);
    const again = await api.call('DELETE', `/api/v1/waivers/${body.id}`);
    expect(again.body).toEqual(revoked);
    expect((await api.ask()).state).toBe('gating');
    expect((await api.call('GET', '/api/v1/waivers')).body.items).toEqual([revoked]);
  });

  test.each([
    [{ gate: 'none' }, 422, 'request-unprocessable', 'the channel stable has no gate "none": it has tests'],
    [
      { channel: 'testing' },
      422,
      'request-unprocessable',
      'the channel testing has no gate "tests": it has none',
    ],
    [
      { requirement: 'none' },
      422,
      'request-unprocessable',
      'the gate tests has no requirement "none": it has "smoke", "upgrade", "evaluated"',
    ],
    [{ channel: 'other' }, 404, 'channel-unknown', 'there is no channel "other"'],
    [{ reference: 'gone' }, 404, 'reference-unknown', 'fedora/httpd:gone is not among the candidates'],
    [{ repository: 'A' }, 400, 'name-invalid', '"A" is not a repository name'],
    [{ expiresAt: '2020-01-01T00:00:00Z' }, 422, 'request-unprocessable', '2020-01-01T00:00:00.000Z is over'],
    [{ expiresAt: '2999-01-01T00:00:00Z' }, 422, 'request-unprocessable', 'more than a year away'],
    [{ expiresAt: 'soon' }, 400, 'request-invalid', 'expiresAt is not a time'],
    [{ reason: '' }, 400, 'request-invalid', 'reason'],
    [{ author: 'somebody else' }, 400, 'request-invalid', '"author" is not a member'],
  ])('%j is refused', async (some, expected, type, detail) => {
    await using api = await open();
    const { status, body } = await api.call('POST', '/api/v1/waivers', { body: waiver(some) });
    expect([status, body.type]).toEqual([expected, `urn:gantry:problem:${type}`]);
    expect(body.detail).toContain(detail);
    expect((await api.call('GET', '/api/v1/waivers')).body.items).toEqual([]);
  });

  test('of approvals that others were named for is refused to who is none of them', async () => {
    await using api = await openGated([
      { name: 'board', approvals: { count: 2, by: ['releaser'], groups: ['board'] } },
      { approvals: { count: 1 } },
    ]);
    const post = (gate: string) =>
      api.call('POST', '/api/v1/waivers', { token: 'approver', body: waiver({ gate }) });
    const { status, body } = await post('board');
    expect([status, body.type, body.detail]).toEqual([
      403,
      'urn:gantry:problem:denied',
      'approver can not waive board of stable: releaser or the group board may',
    ]);
    expect((await post('approvals')).status).toBe(201);
    const [kept] = (await api.flow.catalog.waivers.list({ limit: 10 })).items;
    expect(kept).toMatchObject({ gate: 'approvals', author: 'approver', authorGroups: [] });
  });

  test('of a vulnerability may be given before any report names it', async () => {
    await using api = await openGated([{ vulnerabilities: { atMost: { critical: 0 } } }]);
    const body = waiver({ gate: 'vulnerabilities', requirement: 'CVE-2026-0001' });
    expect((await api.call('POST', '/api/v1/waivers', { body })).status).toBe(201);
  });

  test('is given and revoked by who may approve for its channel alone', async () => {
    await using api = await open();
    const { body } = await api.call('POST', '/api/v1/waivers', { body: waiver() });
    expect((await api.call('POST', '/api/v1/waivers', { token: 'releaser', body: waiver() })).status).toBe(
      403,
    );
    expect((await api.call('DELETE', `/api/v1/waivers/${body.id}`, { token: 'reader' })).status).toBe(403);
    expect((await api.call('DELETE', '/api/v1/waivers/none')).body.type).toBe(
      'urn:gantry:problem:waiver-unknown',
    );
  });
});
