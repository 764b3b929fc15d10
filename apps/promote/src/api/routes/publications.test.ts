import type { Channel } from '@gantry/pipeline';
import { type ApiFixture, openApi, sharedApi } from '../api.fixture.ts';
import { until } from '../until.fixture.ts';

const PUBLICATIONS = '/api/v1/publications';
const reason = 'the new one does not start';

/** Serial 1 has `app:latest` at one build in both channels, serials 2 and 3 move it to another. */
async function publishTwoBuilds(api: ApiFixture) {
  const build = async (seed: string) => {
    const image = await api.putCandidate('app', 'latest', seed);
    const serials = [];
    for (const to of ['testing', 'stable']) {
      const id = await api.promote(to, [{ repository: 'app', reference: 'latest' }]);
      serials.push((await api.call('GET', `/api/v1/promotions/${id}`)).body.serial as number);
    }
    return { digest: image.digest, serial: serials[1] as number };
  };
  return { old: await build('old'), now: await build('now') };
}

const latestIn = async (api: ApiFixture, channel: string) =>
  (await api.flow.catalog.channels.tag(channel, 'app', 'latest'))?.digest;

describe('publications', () => {
  const shared = sharedApi();

  test('are history, newest first', async () => {
    await using api = await openApi();
    await publishTwoBuilds(api);
    const { items, pages } = await api.listAll(PUBLICATIONS, 2);
    expect((items as { serial: number }[]).map(({ serial }) => serial)).toEqual([4, 3, 2, 1]);
    expect(pages).toBe(2);
    const { body } = await api.call('GET', `${PUBLICATIONS}/4`);
    expect(body).toEqual(items[0]);
    expect(body).toEqual({
      tree: 'main',
      serial: 4,
      state: 'published',
      root: expect.stringMatching(/^sha256:/),
      promotions: [(await api.call('GET', '/api/v1/promotions')).body.items[0].id],
      added: { objects: expect.any(Number), bytes: expect.any(Number) },
      publishedAt: expect.any(String),
    });
  });

  test.each([
    ['99', 404, 'publication-unknown'],
    ['999999999999', 404, 'publication-unknown'],
    ['0', 400, 'request-invalid'],
    ['x', 400, 'request-invalid'],
    ['-1', 400, 'request-invalid'],
    ['1000000000000', 400, 'request-invalid'],
  ])('there is none of serial %s', async (serial, status, type) => {
    const api = shared();
    for (const [method, place] of [
      ['GET', `${PUBLICATIONS}/${serial}`],
      ['POST', `${PUBLICATIONS}/${serial}/rollback`],
    ] as const) {
      const answer = await api.call(method, place, method === 'POST' ? { body: { reason } } : {});
      expect([answer.status, answer.body.type]).toEqual([status, `urn:gantry:problem:${type}`]);
    }
  });

  test.each([undefined, {}])('are asked for with the body %j', async (body) => {
    await using api = await openApi();
    const answer = await api.call('POST', PUBLICATIONS, body === undefined ? {} : { body });
    expect(answer).toMatchObject({ status: 202, body: { kind: 'publish', state: 'queued', parameters: {} } });
    expect(answer.headers.get('location')).toBe(`/api/v1/tasks/${answer.body.id}`);
    expect(await api.waiting('promote')).toBe(1);
  });

  test('are not asked for with a member that nobody knows', async () => {
    await using api = await openApi();
    const { status, body } = await api.call('POST', PUBLICATIONS, { body: { full: true } });
    expect([status, body.type]).toEqual([400, 'urn:gantry:problem:request-invalid']);
  });
});

describe('POST /api/v1/publications/{serial}/rollback', () => {
  let serial = 0;
  const published = sharedApi(async (api) => {
    serial = (await publishTwoBuilds(api)).old.serial;
  });

  test('puts all channels back, as a promotion of what was there', async () => {
    await using api = await openApi();
    const { old, now } = await publishTwoBuilds(api);
    const { status, body, headers } = await api.call('POST', `${PUBLICATIONS}/${old.serial}/rollback`, {
      token: 'both',
      body: { reason },
    });
    expect(status).toBe(202);
    expect(headers.get('location')).toBe(`/api/v1/promotions/${body.id}`);
    expect(body).toMatchObject({ kind: 'rollback', to: '*', state: 'queued', reason, requestedBy: 'both' });
    expect(
      body.items.map((item: { channel: string; digest: string }) => [item.channel, item.digest]),
    ).toEqual(
      expect.arrayContaining([
        ['testing', old.digest],
        ['stable', old.digest],
      ]),
    );
    await api.work(body.id);
    expect([await latestIn(api, 'testing'), await latestIn(api, 'stable')]).toEqual([old.digest, old.digest]);
    const ended = await api.call('GET', `/api/v1/promotions/${body.id}`);
    expect(ended.body).toMatchObject({ state: 'done', serial: now.serial + 1 });
  });

  test('puts one channel back, and repeats nothing for the same key', async () => {
    await using api = await openApi();
    const { old, now } = await publishTwoBuilds(api);
    const options = {
      token: 'releaser',
      headers: { 'Idempotency-Key': 'undo' },
      body: { channel: 'stable', repositories: ['app'], reason },
    } as const;
    const place = `${PUBLICATIONS}/${old.serial}/rollback`;
    const first = await api.call('POST', place, options);
    await api.work(first.body.id);
    const again = await api.call('POST', place, options);
    expect([first.status, again.status, again.body.id]).toEqual([202, 202, first.body.id]);
    expect(again.body.state).toBe('done');
    expect([await latestIn(api, 'testing'), await latestIn(api, 'stable')]).toEqual([now.digest, old.digest]);
    const other = await api.call('POST', `${PUBLICATIONS}/${now.serial}/rollback`, options);
    expect([other.status, other.body.type]).toEqual([422, 'urn:gantry:problem:idempotency-key-reused']);
  });

  test('answers a caller that waits once it has ended', async () => {
    await using api = await openApi();
    const { old } = await publishTwoBuilds(api);
    const asking = api.call('POST', `${PUBLICATIONS}/${old.serial}/rollback`, {
      body: { reason },
      headers: { Prefer: 'wait=30' },
    });
    let id: string | undefined;
    await until('the rollback to be accepted', async () => {
      const { body } = await api.call('GET', '/api/v1/promotions?state=queued');
      id = body.items[0]?.id;
      return id !== undefined;
    });
    await api.work(id ?? '');
    const { status, body, headers } = await asking;
    expect([status, body.id, body.state]).toEqual([202, id, 'done']);
    expect(headers.get('preference-applied')).toBe('wait=30');
  });

  test('of all channels needs the scope of each that is published', async () => {
    const { status, body } = await published().call('POST', `${PUBLICATIONS}/${serial}/rollback`, {
      token: 'releaser',
      body: { reason },
    });
    expect([status, body.scope]).toEqual([403, 'promote:testing']);
  });

  test.each([
    [{ reason, channel: 'nightly' }, 404, 'channel-unknown', 'nightly'],
    [{ reason, repositories: ['A'] }, 400, 'name-invalid', 'A'],
    [{ reason, repositories: [] }, 400, 'request-invalid', 'repositories'],
    [{ reason: '' }, 400, 'request-invalid', 'reason'],
    [{}, 400, 'request-invalid', 'reason is missing'],
    [undefined, 400, 'request-invalid', 'there is none'],
    [{ reason, repositories: ['app', 'other'] }, 404, 'name-unknown', 'other: no such repository'],
  ])('refuses %j', async (wrong, status, type, named) => {
    const answer = await published().call(
      'POST',
      `${PUBLICATIONS}/${serial}/rollback`,
      wrong === undefined ? {} : { body: wrong },
    );
    expect([answer.status, answer.body.type]).toEqual([status, `urn:gantry:problem:${type}`]);
    expect(answer.body.detail).toContain(named);
  });
});

describe('publications of several trees', () => {
  const CHANNELS: readonly Channel[] = [
    { name: 'stable', prefix: '', publish: true },
    { name: 'inside', prefix: '', publish: true, tree: 'internal' },
  ];
  /** `app` at one build in stable, and at two in inside. */
  const open = async () => {
    const api = await openApi({ channels: CHANNELS });
    const first = await api.putCandidate('app', '1');
    await api.promote('stable', [{ repository: 'app', reference: '1', tags: ['latest'] }]);
    await api.promote('inside', [{ repository: 'app', reference: '1', tags: ['latest'] }]);
    await api.putCandidate('app', '2');
    const id = await api.promote('inside', [{ repository: 'app', reference: '2', tags: ['latest'] }]);
    return { api, first, id };
  };

  test('are history of each, and a promotion says of which its serial is', async () => {
    const { api, id } = await open();
    await using _ = api;
    const serials = async (query: string) => {
      const { body } = await api.call('GET', `${PUBLICATIONS}${query}`);
      return body.items.map((one: { tree: string; serial: number }) => [one.tree, one.serial]);
    };
    expect(await serials('')).toEqual([['main', 1]]);
    expect(await serials('?tree=main')).toEqual([['main', 1]]);
    expect(await serials('?tree=internal')).toEqual([
      ['internal', 2],
      ['internal', 1],
    ]);
    expect((await api.call('GET', `${PUBLICATIONS}/2?tree=internal`)).body).toMatchObject({
      promotions: [id],
    });
    expect((await api.call('GET', `${PUBLICATIONS}/2`)).status).toBe(404);
    expect((await api.call('GET', `/api/v1/promotions/${id}`)).body).toMatchObject({
      tree: 'internal',
      serial: 2,
    });
    const { body } = await api.call('GET', '/api/v1/promotions?to=stable');
    expect(body.items.map(({ tree }: { tree?: string }) => tree)).toEqual([undefined]);
  });

  test('are rolled back to each for itself', async () => {
    const { api, first } = await open();
    await using _ = api;
    const back = await api.call('POST', `${PUBLICATIONS}/1/rollback`, { body: { tree: 'internal', reason } });
    expect(back).toMatchObject({ status: 202, body: { kind: 'rollback', to: '*', tree: 'internal' } });
    await api.work(back.body.id);
    expect(await latestIn(api, 'inside')).toBe(first.digest);
    expect((await api.call('GET', `/api/v1/promotions/${back.body.id}`)).body).toMatchObject({ serial: 3 });
    const byChannel = await api.call('POST', `${PUBLICATIONS}/2/rollback`, {
      body: { channel: 'inside', reason },
    });
    expect(byChannel).toMatchObject({ status: 202, body: { to: 'inside', tree: 'internal' } });
  });

  test('differ by their serials', async () => {
    const { api } = await open();
    await using _ = api;
    const { body } = await api.call('GET', '/api/v1/diff?from=1&to=2&tree=internal');
    expect(body.items).toMatchObject([{ repository: 'app', tag: 'latest' }]);
    expect((await api.call('GET', '/api/v1/diff?from=1&to=2')).status).toBe(404);
    const channels = await api.call('GET', '/api/v1/diff?from=stable&to=inside&tree=internal');
    expect([channels.status, channels.body.detail]).toEqual([422, expect.stringContaining('leave tree out')]);
  });

  test('are asked for all at once, or one by its name, with the scopes of its channels', async () => {
    const { api } = await open();
    await using _ = api;
    const all = await api.call('POST', PUBLICATIONS);
    expect(all).toMatchObject({ status: 202, body: { parameters: {} } });
    const one = await api.call('POST', PUBLICATIONS, { token: 'releaser', body: { tree: 'main' } });
    expect(one).toMatchObject({ status: 202, body: { parameters: { tree: 'main' } } });
    const other = await api.call('POST', PUBLICATIONS, { token: 'releaser', body: { tree: 'internal' } });
    expect([other.status, other.body.scope]).toEqual([403, 'promote:inside']);
    const back = await api.call('POST', `${PUBLICATIONS}/1/rollback`, {
      token: 'releaser',
      body: { tree: 'internal', reason },
    });
    expect([back.status, back.body.scope]).toEqual([403, 'promote:inside']);
  });

  test.each([
    ['GET', `${PUBLICATIONS}?tree=other`, undefined],
    ['GET', `${PUBLICATIONS}/1?tree=other`, undefined],
    ['GET', '/api/v1/diff?from=1&to=2&tree=other', undefined],
    ['POST', PUBLICATIONS, { tree: 'other' }],
    ['POST', `${PUBLICATIONS}/1/rollback`, { tree: 'other', reason }],
  ])('of a tree that there is not are none: %s %s', async (method, place, body) => {
    await using api = await openApi({ channels: CHANNELS });
    const answer = await api.call(method, place, body === undefined ? {} : { body });
    expect([answer.status, answer.body.type]).toEqual([404, 'urn:gantry:problem:tree-unknown']);
    expect(answer.body.detail).toBe('there is no tree "other": there are main, internal');
  });
});
