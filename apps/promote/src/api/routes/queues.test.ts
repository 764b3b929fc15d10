import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type DeadLetter, type Messages, openMessages } from '@gantry/messages';
import { Fault } from '@gantry/oci';
import { QUEUES, sendWork } from '@gantry/pipeline';
import { openApi } from '../api.fixture.ts';

const event = (id: string) => ({
  specversion: '1.0' as const,
  id,
  source: '/ci',
  type: 'command.sync',
  data: { a: 1 },
});
const LETTERS: readonly DeadLetter[] = [
  {
    id: '1',
    routingKey: 'command.sync',
    event: event('one'),
    reason: 'no such source',
    parkedAt: '2026-11-21T09:00:00.000Z',
  },
  { id: '2', routingKey: 'command.sync', text: 'not JSON' },
  { id: 'a/3?', routingKey: 'command.promote', event: event('three') },
];

/** The API on queues where some messages are parked already: to park one for real takes five attempts. */
async function openParked() {
  await using stack = new AsyncDisposableStack();
  const root = await mkdtemp(path.join(tmpdir(), 'gantry-queues-'));
  stack.defer(() => rm(root, { recursive: true, force: true }));
  const real = stack.use(await openMessages({ embedded: { file: path.join(root, 'messages.db') } }));
  const parked = new Map<string, readonly DeadLetter[]>([[QUEUES.commands, LETTERS]]);
  const take = (queue: string, ids: readonly string[] | undefined) => {
    const held = parked.get(queue) ?? [];
    const taken = held.filter(({ id }) => ids === undefined || ids.includes(id));
    parked.set(
      queue,
      held.filter((letter) => !taken.includes(letter)),
    );
    return taken;
  };
  const messages: Messages = {
    send: (...sent) => real.send(...sent),
    consume: (...asked) => real.consume(...asked),
    publish: (sent) => real.publish(sent),
    listen: (...asked) => real.listen(...asked),
    depth: async (queue) => ({ ...(await real.depth(queue)), dead: parked.get(queue)?.length ?? 0 }),
    async deadLetters(queue, limit, after) {
      const held = parked.get(queue) ?? [];
      const from = held.findIndex(({ id }) => id === after?.id) + 1;
      return held.slice(from, from + limit);
    },
    async replay(queue, ids) {
      const taken = take(queue, ids);
      for (const { event: back, routingKey } of taken)
        if (back !== undefined) await real.send(queue, routingKey, back);
      return taken.length;
    },
    discard: async (queue, ids) => take(queue, ids).length,
    [Symbol.asyncDispose]: async () => {},
  };
  const api = stack.use(await openApi({ messages }));
  const rest = stack.move();
  return { ...api, messages, [Symbol.asyncDispose]: () => rest.disposeAsync() };
}

describe('queues', () => {
  test('are listed with how much waits, is worked on and is parked', async () => {
    await using api = await openParked();
    await sendWork(api.messages, { type: 'work.sync', task: 't' });
    const { items, pages } = await api.listAll('/api/v1/queues', 2);
    expect(pages).toBe(2);
    expect(items).toEqual([
      { name: 'gantry.commands', ready: 0, unacknowledged: 0, dead: 3 },
      { name: 'gantry.promote', ready: 0, unacknowledged: 0, dead: 0 },
      { name: 'gantry.sync', ready: 1, unacknowledged: 0, dead: 0 },
    ]);
    const { body } = await api.call('GET', '/metrics');
    expect(body).toContain('gantry_queue_messages{queue="gantry.commands",state="dead",service="promote"} 3');
    expect(body).toContain('gantry_queue_messages{queue="gantry.sync",state="ready",service="promote"} 1');
  });

  test('that do not answer are 503, and are left out of the figures, which come all the same', async () => {
    await using api = await openParked();
    await using down = await openApi({
      messages: {
        ...api.messages,
        depth: async () => {
          throw new Fault('UNAVAILABLE', 'the broker does not answer');
        },
      },
    });
    expect((await down.call('GET', '/api/v1/queues')).status).toBe(503);
    const { status, body } = await down.call('GET', '/metrics');
    expect(status).toBe(200);
    expect(body).not.toContain('gantry_queue_messages{');
    expect(body).toContain('gantry_workers');
  });
});

describe('dead letters', () => {
  const list = '/api/v1/dead-letters?queue=gantry.commands';

  test('are listed with what is known of them, page by page', async () => {
    await using api = await openParked();
    const { items, pages } = await api.listAll(list, 2);
    expect(pages).toBe(2);
    expect(items).toEqual([
      {
        queue: 'gantry.commands',
        id: '1',
        routingKey: 'command.sync',
        event: event('one'),
        text: null,
        reason: 'no such source',
        parkedAt: '2026-11-21T09:00:00.000Z',
      },
      expect.objectContaining({ id: '2', event: null, text: 'not JSON', reason: null, parkedAt: null }),
      expect.objectContaining({ id: 'a/3?' }),
    ]);
    expect((await api.call('GET', '/api/v1/dead-letters?queue=gantry.sync')).body).toEqual({
      items: [],
      next: null,
    });
  });

  test('go back into their queue, some or all', async () => {
    await using api = await openParked();
    const replay = (body: object) => api.call('POST', '/api/v1/dead-letters/replay', { body });
    expect((await replay({ queue: 'gantry.commands', ids: ['1', 'none'] })).body).toEqual({ replayed: 1 });
    expect(await api.waiting('commands')).toBe(0); // the fixture looks at its own queues
    expect((await api.messages.depth(QUEUES.commands)).ready).toBe(1);
    expect((await replay({ queue: 'gantry.commands' })).body).toEqual({ replayed: 2 });
    expect((await api.call('GET', list)).body.items).toEqual([]);
  });

  test('are thrown away by their ids, one or several', async () => {
    await using api = await openParked();
    const discard = (ids: string) => api.call('DELETE', `${list}&${ids}`);
    expect((await discard(`id=${encodeURIComponent('a/3?')}`)).body).toEqual({ discarded: 1 });
    expect((await discard('id=1&id=2&id=none')).body).toEqual({ discarded: 2 });
    expect((await api.call('GET', list)).body.items).toEqual([]);
  });

  test.each([
    ['GET', '/api/v1/dead-letters', undefined],
    ['GET', '/api/v1/dead-letters?queue=other', undefined],
    ['GET', `${list}&cursor=x`, undefined],
    ['DELETE', list, undefined],
    ['DELETE', `${list}&id=`, undefined],
    ['POST', '/api/v1/dead-letters/replay', {}],
    ['POST', '/api/v1/dead-letters/replay', { queue: '__proto__' }],
    ['POST', '/api/v1/dead-letters/replay', { queue: 'gantry.sync', ids: [] }],
    ['POST', '/api/v1/dead-letters/replay', { queue: 'gantry.sync', ids: [{ $gt: '' }] }],
  ])('%s %s with %j is refused', async (method, place, body) => {
    await using api = await openParked();
    const { status } = await api.call(method, place, body === undefined ? {} : { body });
    expect(status).toBe(400);
  });
});
