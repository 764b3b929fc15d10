import { randomUUID } from 'node:crypto';
import { openApi, sharedApi } from '../api.fixture.ts';

const PROMOTIONS = '/api/v1/promotions';
const PLANS = '/api/v1/plans';
const item = { repository: 'fedora/httpd', reference: 'v1' };

describe('a dry run', () => {
  test('is answered with a plan, which is kept, and nothing else', async () => {
    await using api = await openApi();
    const image = await api.putCandidate('fedora/httpd', 'v1');
    await api.promote('testing', [item]);
    const moved = await api.putCandidate('fedora/httpd', 'v1', 'another build');
    const { status, body, headers } = await api.call('POST', PROMOTIONS, {
      token: 'ci',
      body: {
        to: 'testing',
        items: [
          { ...item, tags: ['v1', 'new'] },
          { ...item, reference: 'no' },
        ],
        dryRun: true,
      },
      headers: { 'Idempotency-Key': 'plan' },
    });
    expect([status, headers.get('etag')]).toEqual([200, `"${body.etag}"`]);
    expect(body).toEqual({
      id: body.id,
      etag: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
      to: 'testing',
      atomic: false,
      items: [
        {
          ...item,
          digest: moved.digest,
          tags: [
            { tag: 'v1', action: 'move', from: image.digest },
            { tag: 'new', action: 'add' },
          ],
        },
        {
          ...item,
          reference: 'no',
          digest: null,
          tags: [{ tag: 'no', action: 'refuse' }],
          problem: expect.objectContaining({ type: 'urn:gantry:problem:reference-unknown' }),
        },
      ],
      totals: {
        adds: 1,
        moves: 1,
        noops: 0,
        refusals: 1,
        objects: expect.any(Number),
        bytes: expect.any(Number),
      },
      requestedBy: 'ci',
      createdAt: body.createdAt,
      expiresAt: new Date(Date.parse(body.createdAt) + 86_400_000).toISOString(),
    });
    expect((await api.call('GET', PROMOTIONS)).body.items).toHaveLength(1);
    const got = await api.call('GET', `${PLANS}/${body.id}`, { token: 'reader' });
    expect([got.status, got.body, got.headers.get('etag')]).toEqual([200, body, headers.get('etag')]);
    const known = await api.call('GET', `${PLANS}/${body.id}`, {
      headers: { 'If-None-Match': headers.get('etag') ?? '' },
    });
    expect([known.status, known.body]).toEqual([304, '']);
  });

  test('needs the scope of the channel', async () => {
    await using api = await openApi();
    const body = { to: 'stable', items: [item], dryRun: true };
    expect((await api.call('POST', PROMOTIONS, { token: 'tester', body })).status).toBe(403);
  });
});

describe('a plan', () => {
  test('is applied by its id, and then is done', async () => {
    await using api = await openApi();
    const image = await api.putCandidate('fedora/httpd', 'v1');
    const { body: plan } = await api.call('POST', PROMOTIONS, {
      body: { to: 'testing', items: [item], dryRun: true },
    });
    await api.putCandidate('fedora/httpd', 'v1', 'moved since');
    const body = { plan: plan.id, to: 'testing', reason: 'as planned' };
    const refused = await api.call('POST', PROMOTIONS, { body, headers: { 'If-Match': '"other"' } });
    expect([refused.status, refused.body.type]).toEqual([412, 'urn:gantry:problem:precondition-failed']);
    const applied = await api.call('POST', PROMOTIONS, { body, headers: { 'If-Match': `"${plan.etag}"` } });
    expect(applied.status).toBe(202);
    expect(applied.body).toMatchObject({
      plan: plan.id,
      reason: 'as planned',
      items: [{ digest: image.digest }],
    });
    await api.work(applied.body.id);
    const done = await api.call('GET', `${PROMOTIONS}/${applied.body.id}`);
    expect(done.body).toMatchObject({ state: 'done', plan: plan.id, items: [{ digest: image.digest }] });
    const again = await api.call('POST', PROMOTIONS, { body });
    expect([again.status, again.body.type]).toEqual([412, 'urn:gantry:problem:precondition-failed']);
    expect(again.body.detail).toContain(`fedora/httpd:v1 from nothing to ${image.digest}`);
  });

  const shared = sharedApi();
  const to = 'testing';
  test.each([
    ['neither items nor a plan', { to }, 400, 'request-invalid', 'it must have items, or a plan'],
    ['both', { to, plan: 'p', items: [item] }, 400, 'request-invalid', 'has items and a plan'],
    [
      'a plan that is to be atomic',
      { to, plan: 'p', atomic: true },
      400,
      'request-invalid',
      'atomic is what',
    ],
    [
      'a dry run of a plan',
      { to, plan: 'p', dryRun: true },
      400,
      'request-invalid',
      'dryRun is not for a plan',
    ],
    ['a plan that nobody made', { to, plan: randomUUID() }, 404, 'plan-unknown', 'make one by a dry run'],
    ['a channel that is not there', { to: 'x', plan: 'p' }, 404, 'channel-unknown', 'testing, stable'],
  ])('refuses %s', async (_what, body, status, type, named) => {
    const answer = await shared().call('POST', PROMOTIONS, { body });
    expect(answer).toMatchObject({ status, body: { type: `urn:gantry:problem:${type}` } });
    expect(answer.body.detail).toContain(named);
  });

  test('of another channel, or an If-Match without a plan, is refused', async () => {
    const api = shared();
    await api.putCandidate('fedora/httpd', 'v1');
    const { body: plan } = await api.call('POST', PROMOTIONS, { body: { to, items: [item], dryRun: true } });
    const other = await api.call('POST', PROMOTIONS, { body: { plan: plan.id, to: 'internal' } });
    expect([other.status, other.body.type]).toEqual([422, 'urn:gantry:problem:request-unprocessable']);
    const none = await api.call('POST', PROMOTIONS, {
      body: { to, items: [item] },
      headers: { 'If-Match': `"${plan.etag}"` },
    });
    expect([none.status, none.body.at]).toEqual([400, 'If-Match']);
    expect((await api.call('GET', `${PLANS}/${randomUUID()}`)).status).toBe(404);
  });
});
