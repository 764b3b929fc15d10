import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Consumer, type Messages, openMessages } from '@gantry/messages';
import { Fault } from '@gantry/oci';
import { startEventSender } from '@gantry/pipeline';
import { type ApiFixture, openApi } from '../api.fixture.ts';
import { eventsIn, type StreamedEvent } from '../events-in.fixture.ts';
import { until } from '../until.fixture.ts';
import { EventView } from '../views/event.ts';

/** The API with a sender, as the promote service runs them, and how many listen. */
async function openStreaming(options: Parameters<typeof openApi>[0] = {}) {
  const resources = new AsyncDisposableStack();
  const root = await mkdtemp(path.join(tmpdir(), 'gantry-stream-'));
  resources.defer(() => rm(root, { recursive: true, force: true }));
  const messages = resources.use(await openMessages({ embedded: { file: path.join(root, 'messages.db') } }));
  let listening = 0;
  let refused: Fault | undefined;
  const counted: Messages = {
    publish: (event) => messages.publish(event),
    send: (...args) => messages.send(...args),
    consume: (...args) => messages.consume(...args),
    deadLetters: (...args) => messages.deadLetters(...args),
    replay: (...args) => messages.replay(...args),
    discard: (...args) => messages.discard(...args),
    depth: (queue) => messages.depth(queue),
    async listen(...args): Promise<Consumer> {
      if (refused !== undefined) throw refused;
      const consumer = await messages.listen(...args);
      listening++;
      return {
        async [Symbol.asyncDispose]() {
          listening--;
          await consumer[Symbol.asyncDispose]();
        },
      };
    },
    async [Symbol.asyncDispose]() {},
  };
  const api = resources.use(await openApi({ messages: counted, ...options }));
  resources.use(startEventSender({ flow: api.flow, messages }));
  return {
    api,
    messages,
    listening: () => listening,
    refuse: (fault: Fault | undefined) => void (refused = fault),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

interface Received {
  readonly id: string;
  readonly event: ReturnType<typeof EventView.parse>;
}

/** As the documentation says that it is, and nothing else. */
const received = ({ id, data }: StreamedEvent): Received => ({ id, event: EventView.parse(data) });

/** Opens the stream; the events come one by one, comments left out. */
async function follow(api: ApiFixture, query = '', method = 'GET') {
  const ending = new AbortController();
  const response = await fetch(`${api.url}/api/v1/events${query}`, {
    method,
    headers: { Authorization: 'Bearer reader-token' },
    signal: ending.signal,
  });
  const events = eventsIn(response.body as AsyncIterable<Uint8Array>);
  return {
    response,
    hangUp: () => ending.abort(),
    async next(): Promise<Received> {
      const { done, value } = await events.next();
      if (done === true) throw new Error('the stream has ended');
      return received(value);
    },
    rest: () => Array.fromAsync(events, received),
  };
}

const promoted = (api: ApiFixture) => api.promote('testing', [{ repository: 'app', reference: '1' }]);
const event = (id: string) => ({
  specversion: '1.0' as const,
  id,
  source: '/gantry',
  type: 'sync.done',
  time: '2026-11-21T09:00:00.000Z',
  subject: 'builds',
  datacontenttype: 'application/json',
  data: {},
});

describe('GET /api/v1/events', () => {
  test('tells what happens to a promotion as it happens, each event once', async () => {
    await using streaming = await openStreaming();
    const { api } = streaming;
    await api.putCandidate('app', '1');
    const stream = await follow(api);
    expect(stream.response.status).toBe(200);
    expect(stream.response.headers.get('content-type')).toBe('text/event-stream');
    const id = await promoted(api);
    const events = [await stream.next(), await stream.next(), await stream.next(), await stream.next()];
    expect(events.map((one) => one.id)).toEqual([
      `promotion/${id}/accepted`,
      `promotion/${id}/publishing`,
      'publication/main/1/done',
      `promotion/${id}/done`,
    ]);
    expect(events.map((one) => one.event.id)).toEqual(events.map((one) => one.id));
    expect(events[3]?.event).toMatchObject({
      source: '/gantry',
      type: 'promotion.done',
      subject: id,
      data: { id, to: 'testing', serial: 1, items: [{ repository: 'app', reference: '1', state: 'done' }] },
    });
    stream.hangUp();
  });

  test.each([
    ['?type=promotion.done', ['promotion.done']],
    ['?type=promotion.*', ['promotion.accepted', 'promotion.publishing', 'promotion.done']],
    ['?type=publication.*&type=promotion.accepted', ['promotion.accepted', 'publication.done']],
  ])('%s takes only %j', async (query, types) => {
    await using streaming = await openStreaming();
    const { api, messages } = streaming;
    await api.putCandidate('app', '1');
    const stream = await follow(api, query);
    const all = await follow(api);
    await promoted(api);
    for (let count = 0; count < 4; count++) await all.next();
    const got: string[] = [];
    for (const _ of types) got.push((await stream.next()).event.type);
    expect(got).toEqual(types);
    await messages.publish({ ...event('last'), type: types[0] ?? '' });
    expect((await stream.next()).id).toBe('last'); // and nothing between
    all.hangUp();
    stream.hangUp();
  });

  test('does not tell of commands and work, whatever is on the same exchange', async () => {
    await using streaming = await openStreaming();
    const { api, messages } = streaming;
    const stream = await follow(api);
    await messages.publish({ ...event('1'), type: 'command.promote' });
    await messages.publish({ ...event('2'), type: 'work.sync' });
    await messages.publish(event('3'));
    expect((await stream.next()).id).toBe('3');
    stream.hangUp();
  });

  test.each(['?type=', '?type=%23', '?type=command.*', '?type=promotion.begun', '?types=promotion.done'])(
    '%s is refused, with what there is',
    async (query) => {
      await using streaming = await openStreaming();
      const { status, body } = await streaming.api.call('GET', `/api/v1/events${query}`);
      expect([status, body.type]).toEqual([400, 'urn:gantry:problem:request-invalid']);
      expect(body.detail).toMatch(/promotion\.\*|there are type/);
    },
  );

  test('needs the scope read', async () => {
    await using streaming = await openStreaming();
    const { api } = streaming;
    expect((await api.call('GET', '/api/v1/events', { token: null })).status).toBe(401);
    expect((await api.call('GET', '/api/v1/events', { token: 'syncer' })).status).toBe(403);
    expect(streaming.listening()).toBe(0);
  });

  test('says that it is still there, and an id can not break out of its line', async () => {
    await using streaming = await openStreaming({ heartbeatMs: 10 });
    const { api, messages } = streaming;
    const response = await fetch(`${api.url}/api/v1/events`, {
      headers: { Authorization: 'Bearer reader-token' },
    });
    await messages.publish(event('a\ndata: forged\n\nid: b'));
    const decoder = new TextDecoder();
    let text = '';
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
      text += decoder.decode(chunk, { stream: true });
      if (text.includes('"builds"') && text.split('\n: \n').length > 3) break;
    }
    expect(text).toContain('id: adata: forgedid: b\ndata: {');
    expect(text).not.toContain('\ndata: forged');
  });

  test('nobody is listened for who has gone, or asked by HEAD alone', async () => {
    await using streaming = await openStreaming();
    const { api, listening } = streaming;
    const head = await follow(api, '', 'HEAD');
    expect(head.response.status).toBe(200);
    await until('nobody to listen', () => listening() === 0);
    const stream = await follow(api);
    expect(listening()).toBe(1);
    stream.hangUp();
    await until('nobody to listen', () => listening() === 0);
  });

  test('all readers share what listens, which ends with the last and begins anew with the next', async () => {
    await using streaming = await openStreaming();
    const { api, messages, listening } = streaming;
    const streams = await Promise.all(
      ['', '?type=sync.*', '?type=sync.done', ''].map((one) => follow(api, one)),
    );
    expect(listening()).toBe(1);
    await messages.publish(event('1'));
    for (const stream of streams) expect((await stream.next()).id).toBe('1');
    const last = streams.pop();
    for (const stream of streams) stream.hangUp();
    await messages.publish(event('2'));
    expect((await last?.next())?.id).toBe('2');
    expect(listening()).toBe(1);
    last?.hangUp();
    await until('nobody to listen', () => listening() === 0);
    const next = await follow(api);
    expect(listening()).toBe(1);
    await messages.publish(event('3'));
    expect((await next.next()).id).toBe('3');
    next.hangUp();
  });

  test('more readers than may be are refused for the time being, until one has gone', async () => {
    await using streaming = await openStreaming({ liveReadersMax: 2 });
    const { api } = streaming;
    const [first, second] = [await follow(api), await follow(api)];
    const { status, headers, body } = await api.call('GET', '/api/v1/events');
    expect([status, body.type]).toEqual([503, 'urn:gantry:problem:unavailable']);
    expect(body.detail).toContain('2 read the events of this server already');
    expect(headers.get('retry-after')).toBe('5');
    first.hangUp();
    let third = await follow(api);
    while (third.response.status === 503) third = await follow(api);
    expect(third.response.status).toBe(200);
    third.hangUp();
    second.hangUp();
  });

  test('who can not be listened for is refused, holds no place, and the next one is tried anew', async () => {
    await using streaming = await openStreaming({ liveReadersMax: 1 });
    const { api, messages } = streaming;
    streaming.refuse(new Fault('UNAVAILABLE', 'the broker does not answer'));
    for (let count = 0; count < 2; count++) {
      const { status, body } = await api.call('GET', '/api/v1/events');
      expect([status, body.detail]).toEqual([503, 'the broker does not answer']);
    }
    streaming.refuse(undefined);
    const stream = await follow(api);
    await messages.publish(event('1'));
    expect((await stream.next()).id).toBe('1');
    stream.hangUp();
  });

  test('a reader that is too slow is cut off, and not silently left without some', async () => {
    await using streaming = await openStreaming();
    const { api, messages, listening } = streaming;
    const stream = await follow(api);
    for (let n = 0; n < 5000; n++) await messages.publish({ ...event(`${n}`), data: { n } });
    const got: number[] = [];
    await expect(
      (async () => {
        for (;;) got.push(Number((await stream.next()).id));
      })(),
    ).rejects.toThrow('terminated');
    expect(got).toEqual(got.map((_, n) => n)); // none is missing before the end
    expect(got.length).toBeLessThan(5000);
    await until('nobody to listen', () => listening() === 0);
  });

  test('ends when the service stops', async () => {
    const stopping = new AbortController();
    await using streaming = await openStreaming({ stop: stopping.signal });
    const stream = await follow(streaming.api);
    stopping.abort();
    expect(await stream.rest()).toEqual([]);
    await until('nobody to listen', () => streaming.listening() === 0);
  });
});
