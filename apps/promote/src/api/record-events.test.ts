import { updatePromotion, updateTask } from '@gantry/catalog';
import { type ApiFixture, openApi } from './api.fixture.ts';
import { eventsIn, type StreamedEvent } from './events-in.fixture.ts';

/** Opens a stream of events. */
async function follow(api: ApiFixture, path: string, lastId?: string) {
  const response = await fetch(api.url + path, {
    headers: {
      Authorization: 'Bearer reader-token',
      ...(lastId === undefined ? {} : { 'Last-Event-ID': lastId }),
    },
  });
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  return eventsIn(response.body as AsyncIterable<Uint8Array>);
}

async function createTask(api: ApiFixture): Promise<string> {
  return (await api.call('POST', '/api/v1/syncs', { body: { source: 'candidates' } })).body.id;
}
const end = (api: ApiFixture, id: string) =>
  updateTask(api.flow.catalog, id, (task) => ({ ...task, state: 'done' }));

describe('the events of a task', () => {
  test('are the task as it changes, bytes, blobs and tags, until it has ended', async () => {
    await using api = await openApi();
    const id = await createTask(api);
    const events = await follow(api, `/api/v1/tasks/${id}/events`);
    const first = (await events.next()).value as StreamedEvent;
    expect(first).toMatchObject({ id: '1', data: { id, state: 'queued' } });
    const progress = { bytes: 1000, blobs: 2, tags: 1 };
    await updateTask(api.flow.catalog, id, (task) => ({ ...task, state: 'running', progress }));
    const second = (await events.next()).value as StreamedEvent;
    expect(second).toMatchObject({ id: '2', data: { state: 'running', progress } });
    await end(api, id);
    expect((await events.next()).value).toMatchObject({ id: '3', data: { state: 'done' } });
    expect((await events.next()).done).toBe(true);
  });

  test('go on after the one that came last, and say when there will be no more', async () => {
    await using api = await openApi();
    const id = await createTask(api);
    const events = await follow(api, `/api/v1/tasks/${id}/events`, '1');
    await end(api, id);
    expect(await Array.fromAsync(events, (one) => one.id)).toEqual(['2']);
    const path = `/api/v1/tasks/${id}/events`;
    expect((await api.call('GET', path, { headers: { 'Last-Event-ID': '2' } })).status).toBe(204);
    expect((await api.call('GET', path, { headers: { 'Last-Event-ID': 'other' } })).body).toContain(
      'id: 2\n',
    );
  });

  test('end when the service does, and when who listens has gone', async () => {
    const stop = new AbortController();
    await using api = await openApi({ stop: stop.signal });
    const id = await createTask(api);
    const path = `/api/v1/tasks/${id}/events`;
    const left = await follow(api, path);
    await left.next();
    await left.return(undefined);
    const events = await follow(api, path);
    await events.next();
    stop.abort();
    expect((await events.next()).done).toBe(true);
    expect((await api.flow.catalog.tasks.get(id))?.state).toBe('queued');
  });

  test('have comments in between, so that nobody takes the stream for dead', async () => {
    await using api = await openApi({ heartbeatMs: 2 });
    const id = await createTask(api);
    const response = await fetch(`${api.url}/api/v1/tasks/${id}/events`, {
      headers: { Authorization: 'Bearer reader-token' },
    });
    const decoder = new TextDecoder();
    let text = '';
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
      text += decoder.decode(chunk, { stream: true });
      if (/\n\n: \n\n: \n\n/.test(text)) break;
    }
    expect(text).toMatch(/^retry: 2000\n\nid: 1\ndata: \{.*\}\n\n: \n\n/);
  });

  test('are not sent to who asks by HEAD', async () => {
    await using api = await openApi();
    const { status, headers } = await api.call('HEAD', `/api/v1/tasks/${await createTask(api)}/events`);
    expect([status, headers.get('content-type')]).toEqual([200, 'text/event-stream']);
  });
});

test('the events of a promotion are the promotion as it changes, until it has ended', async () => {
  await using api = await openApi();
  await api.putCandidate('app', '1');
  const body = { to: 'testing', items: [{ repository: 'app', reference: '1' }] };
  const { id } = (await api.call('POST', '/api/v1/promotions', { body })).body;
  const events = await follow(api, `/api/v1/promotions/${id}/events`);
  expect((await events.next()).value).toMatchObject({ data: { id, state: 'queued' } });
  await updatePromotion(api.flow.catalog, id, (promotion) => ({ ...promotion, state: 'cancelled' }));
  expect((await events.next()).value).toMatchObject({ data: { state: 'cancelled' } });
  expect((await events.next()).done).toBe(true);
});

test.each(['/api/v1/tasks/none/events', '/api/v1/promotions/none/events'])(
  '%s: there is none',
  async (path) => {
    await using api = await openApi();
    expect((await api.call('GET', path)).status).toBe(404);
  },
);
