import { randomUUID } from 'node:crypto';
import { PROMOTION_STATES } from '@gantry/catalog';
import { enter } from '@gantry/pipeline';
import { type ApiFixture, openApi, sharedApi } from '../api.fixture.ts';

const PROMOTIONS = '/api/v1/promotions';
const item = { repository: 'fedora/httpd', reference: 'v1' };

const idsOf = ({ items }: { items: unknown[] }) => items.map((one) => (one as { id: string }).id);

async function accept(api: ApiFixture): Promise<string> {
  await api.putCandidate('fedora/httpd', 'v1');
  const { body } = await api.call('POST', PROMOTIONS, { body: { to: 'testing', items: [item] } });
  return body.id;
}

describe('POST /api/v1/promotions', () => {
  const shared = sharedApi();

  test('accepts a promotion, fixes its tag to a digest, and hands it to a worker', async () => {
    await using api = await openApi();
    const image = await api.putCandidate('fedora/httpd', 'v1');
    const { status, body, headers } = await api.call('POST', PROMOTIONS, {
      token: 'tester',
      body: { to: 'testing', items: [{ ...item, tags: ['v1', 'latest'] }], reason: 'tested' },
    });
    expect(status).toBe(202);
    expect(headers.get('location')).toBe(`${PROMOTIONS}/${body.id}`);
    expect(body).toEqual({
      id: body.id,
      kind: 'promote',
      state: 'queued',
      to: 'testing',
      atomic: false,
      items: [
        {
          repository: 'fedora/httpd',
          channel: 'testing',
          reference: 'v1',
          digest: image.digest,
          tags: ['v1', 'latest'],
          state: 'accepted',
        },
      ],
      plan: null,
      gates: [],
      approvals: [],
      serial: null,
      error: null,
      reason: 'tested',
      requestedBy: 'tester',
      timeline: [{ at: body.createdAt, state: 'queued' }],
      createdAt: body.createdAt,
      startedAt: null,
      endedAt: null,
    });
    expect(await api.waiting('promote')).toBe(1);
  });

  test('refuses by itself what nobody has synced, and needs no worker when that is all', async () => {
    await using api = await openApi();
    const { status, body } = await api.call('POST', PROMOTIONS, { body: { to: 'testing', items: [item] } });
    expect(status).toBe(202);
    expect(body).toMatchObject({ state: 'refused', endedAt: body.createdAt });
    expect(body.items[0]).toMatchObject({ digest: null, state: 'refused' });
    expect(body.items[0].problem).toMatchObject({
      type: 'urn:gantry:problem:reference-unknown',
      status: 404,
    });
    expect(await api.waiting('promote')).toBe(0);
  });

  test('makes one promotion of 50 requests with one key at the same time', async () => {
    await using api = await openApi();
    await api.putCandidate('fedora/httpd', 'v1');
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        api.call('POST', PROMOTIONS, {
          token: 'tester',
          // The order of members makes no other body, nor does what is the default.
          body:
            index % 2 === 0
              ? { to: 'testing', items: [item] }
              : { items: [item], dryRun: false, to: 'testing' },
          headers: { 'Idempotency-Key': 'build-42' },
        }),
      ),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    expect((await api.call('GET', PROMOTIONS)).body.items).toHaveLength(1);
  });

  test('refuses a key that came with another body, and takes the same key of another token', async () => {
    await using api = await openApi();
    await api.putCandidate('fedora/httpd', 'v1');
    const headers = { 'Idempotency-Key': 'build-42' };
    const body = { to: 'testing', items: [item] };
    const first = await api.call('POST', PROMOTIONS, { token: 'tester', headers, body });
    const other = await api.call('POST', PROMOTIONS, {
      token: 'tester',
      headers,
      body: { ...body, atomic: true },
    });
    expect(other.status).toBe(422);
    expect(other.body).toMatchObject({
      type: 'urn:gantry:problem:idempotency-key-reused',
      promotion: first.body.id,
    });
    const another = await api.call('POST', PROMOTIONS, { token: 'both', headers, body });
    expect(another.status).toBe(202);
    expect(another.body.id).not.toBe(first.body.id);
  });

  test('hands a promotion to a worker again when its request is repeated, until it has ended', async () => {
    await using api = await openApi();
    await api.putCandidate('fedora/httpd', 'v1');
    const options = { headers: { 'Idempotency-Key': 'k' }, body: { to: 'testing', items: [item] } };
    const { body } = await api.call('POST', PROMOTIONS, options);
    await api.call('POST', PROMOTIONS, options);
    expect(await api.waiting('promote')).toBe(2);
    await api.work(body.id);
    const again = await api.call('POST', PROMOTIONS, options);
    expect(again.body).toMatchObject({ id: body.id, state: 'done', serial: 1 });
    expect(await api.waiting('promote')).toBe(2);
  });

  test.each([' ', 'two words', 'é', 'x'.repeat(201)])('refuses the Idempotency-Key %j', async (key) => {
    const api = shared();
    const { status, body } = await api.call('POST', PROMOTIONS, {
      body: { to: 'testing', items: [item] },
      headers: { 'Idempotency-Key': key },
    });
    // A header of blanks is an empty one, which is no key either.
    expect(status).toBe(400);
    expect(body.type).toBe('urn:gantry:problem:request-invalid');
  });

  test('takes 10,000 items at once', async () => {
    const items = Array.from({ length: 10_000 }, (_, index) => ({
      repository: `r${index}`,
      reference: 'v1',
    }));
    const { status, body } = await shared().call('POST', PROMOTIONS, { body: { to: 'testing', items } });
    expect([status, body.state, body.items.length]).toEqual([202, 'refused', 10_000]);
  });

  const image = { repository: 'a', reference: 'v1' };
  test.each([
    [
      'an unknown channel',
      { to: 'nightly', items: [image] },
      404,
      'channel-unknown',
      'testing, stable, internal',
    ],
    [
      'a wrong repository',
      { to: 'testing', items: [image, { ...image, repository: 'A' }] },
      400,
      'name-invalid',
      'items[1]',
    ],
    ['a wrong tag', { to: 'testing', items: [{ ...image, tags: ['-x'] }] }, 400, 'tag-invalid', 'items[0]'],
    [
      'a wrong digest',
      { to: 'testing', items: [{ ...image, reference: 'sha256:12' }] },
      400,
      'digest-invalid',
      'items[0]',
    ],
    [
      'a digest without tags',
      { to: 'testing', items: [{ ...image, reference: `sha256:${'0'.repeat(64)}` }] },
      422,
      'request-unprocessable',
      'tags',
    ],
    ['no items', { to: 'testing', items: [] }, 400, 'request-invalid', 'items'],
    [
      'too many items',
      { to: 'testing', items: Array.from({ length: 10_001 }, () => image) },
      400,
      'request-invalid',
      'items',
    ],
    [
      'an unknown member',
      { to: 'testing', items: [{ ...image, tgas: [] }] },
      400,
      'request-invalid',
      'items[0].tgas',
    ],
    ['a missing member', { items: [image] }, 400, 'request-invalid', 'to is missing'],
    [
      'a wrong type',
      { to: 'testing', items: [{ ...image, tags: 'v1' }] },
      400,
      'request-invalid',
      'items[0].tags',
    ],
  ])('refuses %s, naming it', async (_what, body, status, type, named) => {
    const api = shared();
    const answer = await api.call('POST', PROMOTIONS, { body });
    expect(answer).toMatchObject({ status, body: { type: `urn:gantry:problem:${type}` } });
    expect(answer.body.detail).toContain(named);
  });
});

describe('POST /api/v1/promotions that prefers to wait', () => {
  test('is answered when it has ended', async () => {
    await using api = await openApi();
    await api.putCandidate('fedora/httpd', 'v1');
    const asked = api.call('POST', PROMOTIONS, {
      body: { to: 'testing', items: [item] },
      headers: { Prefer: 'wait=60' },
    });
    while ((await api.waiting('promote')) === 0) await new Promise((resolve) => setImmediate(resolve));
    const { items } = await api.flow.catalog.promotions.list({ limit: 1 });
    await api.work(items[0]?.id ?? '');
    const { status, body, headers } = await asked;
    expect([status, body.state, body.serial, headers.get('preference-applied')]).toEqual([
      202,
      'done',
      1,
      'wait=60',
    ]);
  });

  test('is answered as it stands when the time is up', async () => {
    await using api = await openApi();
    await api.putCandidate('fedora/httpd', 'v1');
    const { status, body, headers } = await api.call('POST', PROMOTIONS, {
      body: { to: 'testing', items: [item] },
      headers: { Prefer: 'wait=0' },
    });
    expect([status, body.state, headers.get('preference-applied')]).toEqual([202, 'queued', 'wait=0']);
  });
});

describe('GET /api/v1/promotions', () => {
  test('lists by state, channel and time, newest first, page by page', async () => {
    await using api = await openApi();
    const ids: string[] = [];
    for (const tag of ['a', 'b', 'c', 'd', 'e']) {
      await api.putCandidate('r', tag);
      const { body } = await api.call('POST', PROMOTIONS, {
        body: { to: 'testing', items: [{ repository: 'r', reference: tag }] },
      });
      ids.unshift(body.id);
    }
    await api.work(ids[4] as string);
    const all = await api.listAll(PROMOTIONS, 2);
    expect([idsOf(all), all.pages]).toEqual([ids, 3]);
    expect(idsOf(await api.listAll(`${PROMOTIONS}?state=done&to=testing`, 2))).toEqual([ids[4]]);
    expect(idsOf(await api.listAll(`${PROMOTIONS}?to=stable`, 2))).toEqual([]);
    expect(idsOf(await api.listAll(`${PROMOTIONS}?since=2100-01-01T00:00:00%2B01:00`, 2))).toEqual([]);
    expect(idsOf(await api.listAll(`${PROMOTIONS}?since=2000-01-01T00:00:00Z`, 5))).toEqual(ids);
  });

  test('knows no promotion of another id', async () => {
    await using api = await openApi();
    const { status, body } = await api.call('GET', `${PROMOTIONS}/${randomUUID()}`);
    expect([status, body.type]).toEqual([404, 'urn:gantry:problem:promotion-unknown']);
  });

  test('answers 304 as long as nothing has changed', async () => {
    await using api = await openApi();
    const id = await accept(api);
    const first = await api.call('GET', `${PROMOTIONS}/${id}`);
    const etag = first.headers.get('etag') ?? '';
    expect(etag).toMatch(/^"\d+"$/);
    const headers = { 'If-None-Match': `"other", W/${etag}` };
    const same = await api.call('GET', `${PROMOTIONS}/${id}`, { headers });
    expect([same.status, same.body, same.headers.get('etag')]).toEqual([304, '', etag]);
    await api.work(id);
    const changed = await api.call('GET', `${PROMOTIONS}/${id}`, { headers });
    expect([changed.status, changed.body.state, changed.body.serial]).toEqual([200, 'done', 1]);
    expect(changed.headers.get('etag')).not.toBe(etag);
  });

  test('answers a caller who prefers to wait when the promotion has ended', async () => {
    await using api = await openApi();
    const id = await accept(api);
    const waiting = api.call('GET', `${PROMOTIONS}/${id}`, {
      headers: { Prefer: 'respond-async, wait=600' },
    });
    await api.work(id);
    const { status, body, headers } = await waiting;
    expect([status, body.state, headers.get('preference-applied')]).toEqual([200, 'done', 'wait=60']);
  });

  test('answers a caller who waits when the time is up, and when the service stops', async () => {
    const stop = new AbortController();
    await using api = await openApi({ stop: stop.signal });
    const id = await accept(api);
    const short = await api.call('GET', `${PROMOTIONS}/${id}`, { headers: { Prefer: 'wait=0' } });
    expect([short.body.state, short.headers.get('preference-applied')]).toEqual(['queued', 'wait=0']);
    const long = api.call('GET', `${PROMOTIONS}/${id}`, { headers: { Prefer: 'wait=60' } });
    stop.abort();
    expect((await long).body.state).toBe('queued');
  });
});

describe('DELETE /api/v1/promotions/{id}', () => {
  test('cancels one that waits, and no worker goes on with it', async () => {
    await using api = await openApi();
    const id = await accept(api);
    const { status, body } = await api.call('DELETE', `${PROMOTIONS}/${id}`, { token: 'tester' });
    expect([status, body.state]).toEqual([200, 'cancelled']);
    expect(body.timeline.at(-1).state).toBe('cancelled');
    expect(body.endedAt).not.toBeNull();
    await api.work(id);
    expect((await api.call('GET', `${PROMOTIONS}/${id}`)).body.state).toBe('cancelled');
    expect((await api.call('GET', '/api/v1/publications')).body.items).toEqual([]);
  });

  test('or its publication begins: one of both, and exactly one', async () => {
    await using api = await openApi();
    const ends = new Map<string, number>();
    for (let n = 0; n < 40; n++) {
      await api.putCandidate('r', `t${n}`);
      const { body: asked } = await api.call('POST', PROMOTIONS, {
        body: { to: 'testing', items: [{ repository: 'r', reference: `t${n}` }] },
      });
      const at = `${PROMOTIONS}/${asked.id}`;
      const [cancelled] = await Promise.all([
        api.call('DELETE', at),
        n % 2 === 0 ? api.work(asked.id) : null,
      ]);
      if (n % 2 === 1) await api.work(asked.id);
      const { state } = (await api.call('GET', at)).body;
      const tag = await api.flow.catalog.channels.tag('testing', 'r', `t${n}`);
      const what = `${cancelled.status} ${state} ${tag === undefined ? 'absent' : 'there'}`;
      ends.set(what, (ends.get(what) ?? 0) + 1);
    }
    expect(['200 cancelled absent', '409 done there']).toEqual(expect.arrayContaining([...ends.keys()]));
  });

  const gone = PROMOTION_STATES.filter((state) => !['queued', 'gating', 'promoting'].includes(state));
  test.each(gone)('is too late for one that is %s', async (state) => {
    await using api = await openApi();
    const id = await accept(api);
    const promotion = await api.flow.catalog.promotions.get(id);
    await api.flow.catalog.promotions.replace(enter(api.flow, promotion!, state));
    const { status, body } = await api.call('DELETE', `${PROMOTIONS}/${id}`);
    expect([status, body.type]).toEqual([409, 'urn:gantry:problem:conflict']);
    expect(body.detail).toContain(state);
    expect((await api.call('GET', `${PROMOTIONS}/${id}`)).body.state).toBe(state);
  });

  test('needs the scope of the channel that the promotion is for', async () => {
    await using api = await openApi();
    const id = await accept(api);
    const { status, body } = await api.call('DELETE', `${PROMOTIONS}/${id}`, { token: 'releaser' });
    expect([status, body.scope]).toEqual([403, 'promote:testing']);
    expect((await api.call('DELETE', `${PROMOTIONS}/${randomUUID()}`, { token: 'releaser' })).status).toBe(
      404,
    );
  });
});
