import { type ApiFixture, openApi, sharedApi } from '../api.fixture.ts';

const testing = '/api/v1/channels/testing';

async function fill(api: ApiFixture): Promise<void> {
  for (const [repository, tag] of [
    ['b', '2'],
    ['a', '1'],
    ['b', '1'],
    ['c/d', 'x'],
  ] as const)
    await api.putCandidate(repository, tag);
  await api.promote('testing', [
    { repository: 'b', reference: '2' },
    { repository: 'b', reference: '1', tags: ['1', 'latest'] },
    { repository: 'a', reference: '1' },
    { repository: 'c/d', reference: 'x' },
  ]);
}

describe('GET /api/v1/channels', () => {
  test('lists the channels as they are configured, page by page', async () => {
    await using api = await openApi();
    const { items, pages } = await api.listAll('/api/v1/channels', 2);
    expect(pages).toBe(2);
    expect(items).toEqual([
      { name: 'testing', prefix: 'testing/', from: null, publish: true },
      { name: 'stable', prefix: '', from: 'testing', publish: true },
      { name: 'internal', prefix: 'internal/', from: null, publish: false },
    ]);
  });

  test('refuses a cursor of another list', async () => {
    await using api = await openApi();
    await fill(api);
    const { body } = await api.call('GET', `${testing}/repositories?limit=1`);
    const { status, body: problem } = await api.call('GET', `/api/v1/channels?cursor=${body.next}`);
    expect([status, problem.type]).toEqual([400, 'urn:gantry:problem:request-invalid']);
  });
});

describe('what is in a channel', () => {
  const shared = sharedApi();

  test('repositories are listed by name', async () => {
    await using api = await openApi();
    await fill(api);
    const { items, pages } = await api.listAll(`${testing}/repositories`, 2);
    expect(items).toEqual([{ repository: 'a' }, { repository: 'b' }, { repository: 'c/d' }]);
    expect(pages).toBe(2);
    expect((await api.call('GET', '/api/v1/channels/stable/repositories')).body).toEqual({
      items: [],
      next: null,
    });
  });

  test('tags of a repository are listed by name, each with what it means and why', async () => {
    await using api = await openApi();
    await fill(api);
    const { items, pages } = await api.listAll(`${testing}/tags?repository=b`, 2);
    expect((items as { tag: string }[]).map(({ tag }) => tag)).toEqual(['1', '2', 'latest']);
    expect(pages).toBe(2);
    const { body: promotions } = await api.call('GET', '/api/v1/promotions');
    expect(items[0]).toEqual({
      repository: 'b',
      tag: '1',
      digest: (await api.flow.catalog.candidates.current('b', '1'))?.digest,
      promotion: promotions.items[0].id,
      promotedAt: expect.any(String),
    });
    const none = await api.call('GET', `${testing}/tags?repository=none`);
    expect([none.status, none.body]).toEqual([200, { items: [], next: null }]);
  });

  test.each([
    ['/api/v1/channels/nightly/repositories', 404, 'channel-unknown', 'there are testing, stable, internal'],
    ['/api/v1/channels/nightly/tags?repository=a', 404, 'channel-unknown', 'nightly'],
    [`/api/v1/channels/__proto__/repositories`, 404, 'channel-unknown', '__proto__'],
    [`${testing}/tags`, 400, 'request-invalid', 'repository is missing'],
    [`${testing}/tags?repository=`, 400, 'name-invalid', 'not a repository name'],
    [`${testing}/repositories?prefix=a`, 400, 'request-invalid', 'there are limit, cursor'],
    ['/api/v1/channels/%zz/repositories', 400, 'request-invalid', '%'],
  ])('GET %s is refused', async (place, status, type, named) => {
    const api = shared();
    const answer = await api.call('GET', place);
    expect([answer.status, answer.body.type]).toEqual([status, `urn:gantry:problem:${type}`]);
    expect(answer.body.detail).toContain(named);
  });
});
