import { randomUUID } from 'node:crypto';
import type { Task } from '@gantry/catalog';
import { digestOf } from '@gantry/oci';
import { type ApiFixture, openApi, sharedApi } from '../api.fixture.ts';

const NOTIFICATIONS = '/api/v1/notifications';
const event = (tag: string, also: object = {}) => ({
  id: randomUUID(),
  action: 'push',
  target: { repository: 'candidate/app', tag, mediaType: 'application/vnd.oci.image.manifest.v1+json' },
  ...also,
});
const pushed = (tag: string, digest?: string) =>
  event(tag, { target: { repository: 'candidate/app', tag, digest } });
const notify = (api: ApiFixture, ...events: object[]) =>
  api.call('POST', NOTIFICATIONS, {
    token: 'syncer',
    body: { events },
    headers: { 'Content-Type': 'application/vnd.docker.distribution.events.v2+json' },
  });
const tasksOf = async (api: ApiFixture): Promise<readonly Task[]> =>
  (await api.flow.catalog.tasks.list({ limit: 100 })).items;

describe('a notification', () => {
  test('of tags that were pushed is one task of just these', async () => {
    await using api = await openApi();
    const { status, body } = await notify(
      api,
      event('1'),
      event('2'),
      event('1'),
      event('3', { action: 'pull' }),
    );
    expect([status, body]).toEqual([202, { accepted: 3, ignored: 1, tasks: [expect.any(String)] }]);
    expect(await tasksOf(api)).toMatchObject([
      {
        id: body.tasks[0],
        kind: 'sync',
        state: 'queued',
        parameters: {
          source: 'candidates',
          items: [{ sourceRepository: 'candidate/app', tags: ['1', '2'] }],
          cause: 'notification',
        },
      },
    ]);
    expect(await api.waiting('sync')).toBe(1);
  });

  test('joins others of the same moment, and a task that nobody has begun', async () => {
    await using api = await openApi();
    const tags = Array.from({ length: 30 }, (_, at) => `t${at}`);
    const answers = await Promise.all(tags.map((tag) => notify(api, event(tag))));
    const later = await notify(
      api,
      event('later'),
      event('x', { target: { repository: 'candidate/web', tag: 'x' } }),
    );
    const all = new Set([...answers, later].flatMap(({ body }) => body.tasks as string[]));
    expect(all.size).toBe(1);
    const [task, ...more] = await tasksOf(api);
    expect(more).toEqual([]);
    expect(task?.parameters['items']).toMatchObject([
      { sourceRepository: 'candidate/app', tags: expect.arrayContaining([...tags, 'later']) },
      { sourceRepository: 'candidate/web', tags: ['x'] },
    ]);
    expect(await api.waiting('sync')).toBe(1);
  });

  test('says what each tag is to mean, the latest of it, for registries that tell before it does', async () => {
    await using api = await openApi();
    const [first, second] = [digestOf('first'), digestOf('second')];
    await notify(api, pushed('latest', first), pushed('1', first), pushed('2', 'sha256:short'));
    await notify(api, pushed('latest', second));
    const [task] = await tasksOf(api);
    expect(task?.parameters['items']).toEqual([
      {
        sourceRepository: 'candidate/app',
        tags: ['latest', '1', '2'],
        announced: [{ tag: 'latest', digest: second }, { tag: '1', digest: first }, { tag: '2' }],
      },
    ]);
  });

  test('joins a task of a former version, and keeps its tags', async () => {
    await using api = await openApi();
    const first = (await notify(api, event('1'))).body.tasks[0] as string;
    const waiting = await api.flow.catalog.tasks.get(first);
    if (waiting === undefined) throw new Error('the task was recorded');
    const items = [{ sourceRepository: 'candidate/app', tags: ['1', '2'] }];
    await api.flow.catalog.tasks.replace({ ...waiting, parameters: { ...waiting.parameters, items } });
    expect((await notify(api, event('3'))).body.tasks).toEqual([first]);
    const [task] = await tasksOf(api);
    expect(task?.parameters['items']).toMatchObject([
      { sourceRepository: 'candidate/app', tags: ['1', '2', '3'] },
    ]);
  });

  test('does not join a task that runs, nor one that somebody asked for otherwise', async () => {
    await using api = await openApi();
    await api.call('POST', '/api/v1/syncs', { body: { source: 'candidates' } });
    const first = (await notify(api, event('1'))).body.tasks[0] as string;
    const running = await api.flow.catalog.tasks.get(first);
    if (running === undefined) throw new Error('the task was recorded');
    await api.flow.catalog.tasks.replace({ ...running, state: 'running' });
    const second = (await notify(api, event('2'))).body.tasks[0] as string;
    expect(second).not.toBe(first);
    expect(await tasksOf(api)).toHaveLength(3);
  });

  test('of a tag that was deleted marks its candidate, which stays; it may come again', async () => {
    await using api = await openApi();
    const { digest } = await api.putCandidate('app', '1');
    const gone = event('1', { action: 'delete' });
    const unknown = event('unknown', { action: 'delete' });
    expect((await notify(api, gone, unknown)).body).toEqual({ accepted: 2, ignored: 0, tasks: [] });
    const shown = async () => (await api.call('GET', '/api/v1/candidates?tag=1')).body.items;
    const [first] = await shown();
    expect(first).toMatchObject({ digest, goneAt: expect.stringMatching(/^2/) });
    await notify(api, gone);
    expect(await shown()).toEqual([first]);
    const { status } = await api.call('POST', '/api/v1/promotions', {
      body: { to: 'testing', items: [{ repository: 'app', reference: '1' }], dryRun: true },
    });
    expect(status).toBe(200);
    await api.putCandidate('app', '1');
    expect(await shown()).toMatchObject([{ digest, goneAt: null }]);
  });

  test.each(['application/json', 'application/cloudevents+json; charset=utf-8'])(
    'may be a CloudEvent, sent as %s',
    async (type) => {
      await using api = await openApi();
      const { status, body } = await api.call('POST', NOTIFICATIONS, {
        headers: { 'Content-Type': type },
        body: {
          specversion: '1.0',
          id: '1',
          source: '/registry',
          type: 'image.pushed',
          data: { repository: 'candidate/app', tag: '1', action: 'push' },
        },
      });
      expect([status, body]).toMatchObject([202, { accepted: 1, ignored: 0 }]);
    },
  );
});

describe('who notifies', () => {
  const shared = sharedApi();
  const body = { events: [] };

  test.each(['Bearer syncer-token', 'syncer-token', 'Token syncer-token', `Basic ${btoa('x:syncer-token')}`])(
    'may send the secret as %s',
    async (authorization) => {
      const headers = { Authorization: authorization };
      const { status } = await shared().call('POST', NOTIFICATIONS, { token: null, headers, body });
      expect(status).toBe(202);
    },
  );

  test.each([
    [{ Authorization: 'reader-token' }, 403],
    [{ Authorization: 'wrong' }, 401],
    [{}, 401],
  ])('by %j is turned away', async (headers, expected) => {
    const { status } = await shared().call('POST', NOTIFICATIONS, { token: null, headers, body });
    expect(status).toBe(expected);
  });

  test('elsewhere only a bearer is somebody', async () => {
    const headers = { Authorization: 'reader-token' };
    expect((await shared().call('GET', '/api/v1/tasks', { token: null, headers })).status).toBe(401);
  });

  test('is told what is wrong', async () => {
    const { status, body: problem } = await shared().call('POST', NOTIFICATIONS, {
      body: { events: [event('1'), { action: 'push' }] },
    });
    expect([status, problem.at]).toEqual([400, 'events[1].target']);
    expect(problem.detail).toContain('events[1].target is missing');
  });
});
