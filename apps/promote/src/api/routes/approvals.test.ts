import { openGated } from './gates.fixture.ts';

const approvals = (id: string) => `/api/v1/promotions/${id}/approvals`;

describe('an approval', () => {
  test('lets a promotion go on once there are enough, and stays on record', async () => {
    await using api = await openGated([{ approvals: { count: 2 } }]);
    const { id, state, gates } = await api.ask();
    expect([state, gates[0].state, gates[0].requirements[0].detail]).toEqual([
      'gating',
      'waiting',
      '0 of 2 approvals (nobody); whoever has approve:stable may approve, other than who asked',
    ]);
    const { status, body } = await api.call('POST', approvals(id), {
      token: 'approver',
      body: { comment: 'looks good' },
    });
    expect([status, body.approvals]).toEqual([
      200,
      [{ by: 'approver', groups: [], at: expect.any(String), comment: 'looks good' }],
    ]);
    expect((await api.again(id)).state).toBe('gating');
    await api.call('POST', approvals(id));
    expect(await api.waiting('promote')).toBe(3); // the promotion itself, and after each approval
    expect(await api.again(id)).toMatchObject({ state: 'done', gates: [{ state: 'passed' }] });
  });

  test('counts once, however often it is given', async () => {
    await using api = await openGated([{ approvals: { count: 2 } }]);
    const { id } = await api.ask();
    const both = await Promise.all(
      Array.from({ length: 5 }, () => api.call('POST', approvals(id), { token: 'approver', body: {} })),
    );
    expect(both.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    const { body } = await api.call('GET', `/api/v1/promotions/${id}`);
    expect(body.approvals).toHaveLength(1);
  });

  test('can be taken back while the promotion waits', async () => {
    await using api = await openGated([{ approvals: { count: 2 } }]);
    const { id } = await api.ask();
    await api.call('POST', approvals(id), { token: 'approver' });
    await api.call('POST', approvals(id));
    const { body } = await api.call('DELETE', approvals(id), { token: 'approver' });
    expect(body.approvals).toMatchObject([{ by: 'admin' }]);
    expect((await api.again(id)).state).toBe('gating');
  });

  test('of one’s own request is refused', async () => {
    await using api = await openGated([{ approvals: { count: 1 } }]);
    const { id } = await api.ask('admin');
    const { status, body } = await api.call('POST', approvals(id));
    expect([status, body.type, body.detail]).toEqual([
      403,
      'urn:gantry:problem:denied',
      `admin asked for the promotion ${id}: somebody else must approve it`,
    ]);
    expect((await api.again(id)).state).toBe('gating');
  });

  test('that nothing asks for, or that comes too late, is refused', async () => {
    await using api = await openGated([{ approvals: { count: 1 } }]);
    const { id } = await api.ask();
    await api.call('POST', approvals(id), { token: 'approver' });
    await api.again(id);
    const late = await api.call('POST', approvals(id));
    expect([late.status, late.body.detail]).toEqual([
      409,
      `the promotion ${id} is done: only one that is queued or gating can be approved, or an approval taken back`,
    ]);
    expect((await api.call('DELETE', approvals(id), { token: 'approver' })).status).toBe(409);

    await using without = await openGated([{ results: { testcases: ['smoke'] }, waitMs: 60_000 }]);
    const other = await without.ask();
    const needless = await without.call('POST', approvals(other.id), { token: 'approver' });
    expect([needless.status, needless.body.detail]).toEqual([
      409,
      `the promotion ${other.id} needs no approval: no gate of stable asks for any`,
    ]);
    const unknown = await without.call('POST', approvals('none'));
    expect([unknown.status, unknown.body.type]).toEqual([404, 'urn:gantry:problem:promotion-unknown']);
  });
});
