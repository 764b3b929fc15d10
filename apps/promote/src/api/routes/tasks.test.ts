import { randomUUID } from 'node:crypto';
import { TASK_ENDED, type TaskState, updateTask } from '@gantry/catalog';
import { type ApiFixture, openApi } from '../api.fixture.ts';

const TASKS = '/api/v1/tasks';

async function create(api: ApiFixture, kind: 'sync' | 'publish' = 'sync'): Promise<string> {
  const { body } =
    kind === 'sync'
      ? await api.call('POST', '/api/v1/syncs', { body: { source: 'candidates' } })
      : await api.call('POST', '/api/v1/publications');
  return body.id;
}

async function set(api: ApiFixture, id: string, state: TaskState): Promise<void> {
  const endedAt = TASK_ENDED.includes(state) ? new Date().toISOString() : undefined;
  await updateTask(api.flow.catalog, id, (task) => ({
    ...task,
    state,
    result: { serial: 7 },
    ...(endedAt === undefined ? {} : { endedAt }),
  }));
}

describe('tasks', () => {
  test('are listed by state and kind, newest first, page by page', async () => {
    await using api = await openApi();
    const syncs = [await create(api), await create(api), await create(api)].toReversed();
    const publish = await create(api, 'publish');
    await set(api, syncs[2] as string, 'done');
    const found = async (query: string) =>
      ((await api.listAll(`${TASKS}?${query}`, 2)).items as { id: string }[]).map(({ id }) => id);
    expect(await found('')).toEqual([publish, ...syncs]);
    expect(await found('kind=sync')).toEqual(syncs);
    expect(await found('kind=sync&state=queued')).toEqual(syncs.slice(0, 2));
    expect(await found('state=done')).toEqual([syncs[2]]);
  });

  test.each(['state=ended', 'kind=promote', 'since=2026-01-01T00:00:00Z'])(
    'are not listed by %s',
    async (query) => {
      await using api = await openApi();
      expect((await api.call('GET', `${TASKS}?${query}`)).status).toBe(400);
    },
  );

  test('are waited for, and change their ETag', async () => {
    await using api = await openApi();
    const id = await create(api);
    const first = await api.call('GET', `${TASKS}/${id}`);
    const headers = { 'If-None-Match': first.headers.get('etag') ?? '' };
    expect((await api.call('GET', `${TASKS}/${id}`, { headers })).status).toBe(304);
    const waiting = api.call('GET', `${TASKS}/${id}`, { headers: { ...headers, Prefer: 'wait=30' } });
    await set(api, id, 'running');
    await set(api, id, 'done');
    const { status, body } = await waiting;
    expect([status, body.state, body.result]).toEqual([200, 'done', { serial: 7 }]);
  });

  test.each(['GET', 'DELETE'])('there is none of another id to %s', async (method) => {
    await using api = await openApi();
    const { status, body } = await api.call(method, `${TASKS}/${randomUUID()}`);
    expect([status, body.type]).toEqual([404, 'urn:gantry:problem:task-unknown']);
  });
});

describe('DELETE /api/v1/tasks/{id}', () => {
  test.each(['queued', 'running'] as const)('cancels one that is %s', async (state) => {
    await using api = await openApi();
    const id = await create(api);
    await set(api, id, state);
    const { status, body } = await api.call('DELETE', `${TASKS}/${id}`, { token: 'syncer' });
    expect([status, body.state]).toEqual([200, 'cancelled']);
    expect(body.endedAt).not.toBeNull();
    expect((await api.flow.catalog.tasks.get(id))?.state).toBe('cancelled');
  });

  test.each(TASK_ENDED)('is too late for one that is %s', async (state) => {
    await using api = await openApi();
    const id = await create(api);
    await set(api, id, state);
    const { status, body } = await api.call('DELETE', `${TASKS}/${id}`);
    expect([status, body.type]).toEqual([409, 'urn:gantry:problem:conflict']);
    expect(body.detail).toContain(state);
  });

  test('needs the scope that the task itself needed', async () => {
    await using api = await openApi();
    const [sync, publish] = [await create(api), await create(api, 'publish')];
    expect((await api.call('DELETE', `${TASKS}/${sync}`, { token: 'both' })).body.scope).toBe('sync');
    expect((await api.call('DELETE', `${TASKS}/${publish}`, { token: 'syncer' })).body.scope).toBe(
      'promote:testing',
    );
    expect((await api.call('DELETE', `${TASKS}/${publish}`, { token: 'both' })).status).toBe(200);
  });
});
