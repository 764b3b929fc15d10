import { digestOf } from '@gantry/oci';
import { type PurgeContext, runPurge, runTask } from '@gantry/pipeline';
import { type ApiFixture, openApi, sharedApi } from '../api.fixture.ts';

const TAGS = '/api/v1/channels/testing/tags';
const PURGES = '/api/v1/purges';
const reason = 'a private key is in it';
const key = (value: string) => ({ headers: { 'Idempotency-Key': value } });

async function fill(api: ApiFixture): Promise<void> {
  for (const tag of ['1', '2']) await api.putCandidate('app', tag);
  const items = ['1', '2'].map((reference) => ({ repository: 'app', reference }));
  await api.promote('testing', items);
  await api.promote('stable', items);
}
const tagsIn = async (api: ApiFixture, channel: string) =>
  (await api.flow.catalog.channels.tagsOf(channel, 'app')).map(({ tag }) => tag);

describe('DELETE /api/v1/channels/{name}/tags', () => {
  const shared = sharedApi(fill);

  test('takes a tag out of that channel alone, as a promotion', async () => {
    await using api = await openApi();
    await fill(api);
    const { status, headers, body } = await api.call('DELETE', `${TAGS}?repository=app&tag=1&reason=broken`);
    expect([status, headers.get('location')]).toEqual([202, `/api/v1/promotions/${body.id}`]);
    expect(body).toMatchObject({
      kind: 'retract',
      state: 'queued',
      to: 'testing',
      reason: 'broken',
      requestedBy: 'admin',
      items: [{ repository: 'app', reference: '1', digest: null, tags: ['1'], state: 'accepted' }],
    });
    await api.work(body.id);
    const { body: done } = await api.call('GET', `/api/v1/promotions/${body.id}`);
    expect(done).toMatchObject({ state: 'done', serial: 3 });
    expect([await tagsIn(api, 'testing'), await tagsIn(api, 'stable')]).toEqual([['2'], ['1', '2']]);
  });

  test('without a tag takes all that the repository has there; the same key is the same promotion', async () => {
    await using api = await openApi();
    await fill(api);
    const first = await api.call('DELETE', `${TAGS}?repository=app`, key('r-1'));
    await api.work(first.body.id);
    expect(await tagsIn(api, 'testing')).toEqual([]);
    const again = await api.call('DELETE', `${TAGS}?repository=app`, key('r-1'));
    expect([again.status, again.body.id]).toEqual([202, first.body.id]);
    const other = await api.call('DELETE', `${TAGS}?repository=app&tag=1`, key('r-1'));
    expect([other.status, other.body.type]).toEqual([422, 'urn:gantry:problem:idempotency-key-reused']);
    const nothing = await api.call('DELETE', `${TAGS}?repository=app`);
    expect([nothing.status, nothing.body.type]).toEqual([409, 'urn:gantry:problem:conflict']);
  });

  test('is answered at its end when that is preferred', async () => {
    await using api = await openApi();
    await fill(api);
    const answering = api.call('DELETE', `${TAGS}?repository=app&tag=1`, { headers: { Prefer: 'wait=20' } });
    await using _ = await api.messages.consume(
      'gantry.promote',
      async ({ event }) => api.work((event.data as { promotion: string }).promotion),
      { onError: () => undefined },
    );
    const { status, headers, body } = await answering;
    expect([status, headers.get('preference-applied'), body.state]).toEqual([202, 'wait=20', 'done']);
  });

  test.each([
    [
      '/api/v1/channels/none/tags?repository=app',
      404,
      'channel-unknown',
      'there are testing, stable, internal',
    ],
    [`${TAGS}?repository=none`, 404, 'name-unknown', 'there are app'],
    [`${TAGS}?repository=app&tag=9`, 404, 'reference-unknown', 'of app there are 1, 2'],
    [`${TAGS}?repository=App`, 400, 'name-invalid', 'App'],
    [`${TAGS}?repository=app&tag=-`, 400, 'tag-invalid', '-'],
    [`${TAGS}?tag=1`, 400, 'request-invalid', 'repository is missing'],
    [`${TAGS}?repository=app&reason=`, 400, 'request-invalid', 'reason'],
  ])('%s is refused', async (place, status, type, named) => {
    const answer = await shared().call('DELETE', place);
    expect([answer.status, answer.body.type]).toEqual([status, `urn:gantry:problem:${type}`]);
    expect(answer.body.detail).toContain(named);
  });
});

/** Does what a worker would. */
async function takeOut(api: ApiFixture, task: string): Promise<void> {
  const context: PurgeContext = api;
  const stop = new AbortController().signal;
  await runTask(api.flow, task, (now, progress, signal) => runPurge(context, now, progress, signal), stop);
}

describe('/api/v1/purges', () => {
  const shared = sharedApi();

  test('bans a digest at once, and takes out what is there of it', async () => {
    await using api = await openApi();
    await fill(api);
    const digest = digestOf('layer of app:1');
    const asked = await api.call('POST', PURGES, { body: { digest, reason } });
    expect([asked.status, asked.headers.get('location')]).toEqual([202, `/api/v1/tasks/${asked.body.id}`]);
    expect(asked.body).toMatchObject({ kind: 'purge', state: 'queued', parameters: { digest, reason } });
    const place = `${PURGES}/${digest}`;
    expect((await api.call('GET', place)).body).toMatchObject({
      digest,
      reason,
      by: 'admin',
      task: asked.body.id,
      state: 'queued',
      result: null,
    });
    const refused = await api.call('POST', '/api/v1/promotions', {
      body: { to: 'testing', items: [{ repository: 'app', reference: '1', tags: ['3'] }] },
    });
    expect(refused.body.items[0].problem).toMatchObject({
      type: 'urn:gantry:problem:purged',
      status: 410,
      digest,
    });

    await takeOut(api, asked.body.id);

    const { body } = await api.call('GET', place);
    expect(body).toMatchObject({
      state: 'done',
      errors: [],
      result: { tagsTakenOut: 2, manifests: 1, candidates: 1, serial: 3 },
      endedAt: expect.any(String),
    });
    expect([await tagsIn(api, 'testing'), await tagsIn(api, 'stable')]).toEqual([['2'], ['2']]);
    expect((await api.call('GET', PURGES)).body).toEqual({ items: [body], next: null });
    expect((await api.call('GET', '/api/v1/tasks?kind=purge')).body.items).toHaveLength(1);
    expect((await api.call('GET', '/api/v1/promotions')).body.items[0]).toMatchObject({
      kind: 'purge',
      to: '*',
    });
  });

  test('once more is the same purge, with the reason that it had', async () => {
    await using api = await openApi();
    const digest = digestOf('some layer');
    const first = await api.call('POST', PURGES, { body: { digest, reason } });
    const again = await api.call('POST', PURGES, { body: { digest, reason: 'another' } });
    expect([again.status, again.body.id]).toEqual([202, first.body.id]);
    expect((await api.call('GET', `${PURGES}/${digest}`)).body.reason).toBe(reason);
  });

  test('is listed newest first, page by page', async () => {
    await using api = await openApi();
    for (const text of ['a', 'b', 'c'])
      await api.call('POST', PURGES, { body: { digest: digestOf(text), reason: text } });
    const { items, pages } = await api.listAll(PURGES, 2);
    expect((items as { reason: string }[]).map((one) => one.reason).toSorted()).toEqual(['a', 'b', 'c']);
    expect(pages).toBe(2);
  });

  test('is not cancelled', async () => {
    await using api = await openApi();
    const { body } = await api.call('POST', PURGES, { body: { digest: digestOf('a'), reason } });
    const answer = await api.call('DELETE', `/api/v1/tasks/${body.id}`);
    expect([answer.status, answer.body.detail]).toEqual([
      409,
      `the task ${body.id} is a purge, which goes on until it is done`,
    ]);
    const both = await api.call('DELETE', `/api/v1/tasks/${body.id}`, { token: 'both' });
    expect([both.status, both.body.scope]).toEqual([403, 'admin']);
  });

  test.each([
    [{ digest: 'app:1', reason }, 400, 'digest-invalid', 'app:1'],
    [{ digest: digestOf('a') }, 400, 'request-invalid', 'reason'],
    [{ digest: digestOf('{}'), reason }, 422, 'request-unprocessable', 'the empty blob'],
  ])('%j is refused', async (body, status, type, named) => {
    const answer = await shared().call('POST', PURGES, { body });
    expect([answer.status, answer.body.type]).toEqual([status, `urn:gantry:problem:${type}`]);
    expect(answer.body.detail).toContain(named);
    expect((await shared().call('GET', PURGES)).body.items).toEqual([]);
  });

  test.each([
    [digestOf('unknown'), 404, 'purge-unknown'],
    ['unknown', 400, 'digest-invalid'],
  ])('there is none of %s', async (digest, status, type) => {
    const answer = await shared().call('GET', `${PURGES}/${digest}`);
    expect([answer.status, answer.body.type]).toEqual([status, `urn:gantry:problem:${type}`]);
  });
});
