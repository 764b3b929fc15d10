import { QUEUES } from '@gantry/pipeline';
import { startApiServer } from '../api-server.fixture.ts';
import { gantry } from '../cli.fixture.ts';

const page = (...items: readonly object[]) => ({ body: { items, next: null } });
const worker = {
  id: 'w1',
  service: 'sync',
  host: 'builder-1',
  pid: 42,
  version: '0.1.0',
  startedAt: '2026-11-21T09:00:00.000Z',
  seenAt: '2026-11-21T09:00:05.000Z',
  expiresAt: '2026-11-21T09:00:25.000Z',
};
const queue = (name: string, dead = 0) => ({ name, ready: 12, unacknowledged: 3, dead });
const letter = {
  queue: 'gantry.commands',
  id: 'l1',
  routingKey: 'command.sync',
  event: { id: 'build-1', source: '/ci', type: 'command.sync' },
  text: null,
  reason: 'no such source\u001b[31m',
  parkedAt: '2026-11-21T09:00:00.000Z',
};
const broken = { ...letter, id: 'l2', event: null, text: 'x'.repeat(100), reason: null, parkedAt: null };
const queues = () => page(queue('gantry.commands', 2), queue('gantry.sync'));

describe('what all workers share', () => {
  test('gantry workers prints who is there', async () => {
    await using server = await startApiServer({ 'GET /api/v1/workers': () => page(worker) });
    const { code, out } = await gantry(['workers', '--server', server.url]);
    expect({ code, out }).toEqual({
      code: 0,
      out: [
        'SERVICE  HOST       PID  VERSION  STARTED               SEEN                  ID',
        'sync     builder-1   42  0.1.0    2026-11-21 09:00:00Z  2026-11-21 09:00:05Z  w1',
        '',
      ].join('\n'),
    });
    const { out: json } = await gantry(['workers', '--output', 'json', '--server', server.url]);
    expect(JSON.parse(json)).toEqual({ items: [worker], next: null });
  });

  test('gantry leases prints who has what', async () => {
    const lease = { name: 'publish:main', holder: 'builder-1 42 x', fence: 7, expiresAt: worker.seenAt };
    await using server = await startApiServer({ 'GET /api/v1/leases': () => page(lease) });
    const { out } = await gantry(['leases', '--server', server.url]);
    expect(out).toContain('publish:main  builder-1 42 x      7  2026-11-21 09:00:05Z');
  });

  test('gantry queues prints how much waits', async () => {
    await using server = await startApiServer({ 'GET /api/v1/queues': () => page(queue('gantry.sync')) });
    const { out } = await gantry(['queues', '--server', server.url]);
    expect(out).toBe('QUEUE        READY  UNACKNOWLEDGED  DEAD\ngantry.sync     12               3     0\n');
  });
});

describe('gantry dead-letters', () => {
  test('lists those of all queues, safe for a terminal', async () => {
    await using server = await startApiServer({
      'GET /api/v1/queues': queues,
      'GET /api/v1/dead-letters': ({ query }) =>
        query['queue'] === 'gantry.commands' ? page(letter, broken) : page(),
    });
    const { code, out } = await gantry(['dead-letters', '--server', server.url]);
    expect(code).toBe(0);
    const [, first, second] = out.split('\n');
    expect(first).toContain('gantry.commands  l1  2026-11-21 09:00:00Z  command.sync  build-1 from /ci');
    expect(first).toContain(String.raw`no such source\u001b[31m`);
    expect(second).toContain(`"${'x'.repeat(60)}…"`);
    expect(server.requests.map(({ query }) => query['queue'])).toEqual([
      undefined,
      'gantry.commands',
      'gantry.sync',
    ]);
  });

  test.each([[[]], [['list']], [['replay']], [['discard']]])(
    'its help names the queues, with %j too',
    async (words) => {
      const { code, out } = await gantry(['dead-letters', ...words, '--help']);
      expect(code).toBe(0);
      const text = out.replaceAll(/\s+/g, ' ');
      expect(text).toContain('--queue <name>');
      expect(text).toContain(Object.values(QUEUES).toSorted().join(', '));
    },
  );

  test('says that there are none', async () => {
    await using server = await startApiServer({ 'GET /api/v1/dead-letters': () => page() });
    expect(await gantry(['dead-letters', 'list', '--queue', 'gantry.sync', '--server', server.url])).toEqual({
      code: 0,
      out: '',
      err: 'no message is parked\n',
    });
  });

  test('replays some or all of a queue', async () => {
    await using server = await startApiServer({
      'POST /api/v1/dead-letters/replay': () => ({ body: { replayed: 2 } }),
    });
    const replay = (...words: string[]) =>
      gantry(['dead-letters', 'replay', ...words, '--server', server.url]);
    expect(await replay('l1', 'l2')).toMatchObject({
      code: 0,
      out: '2 messages of gantry.commands replayed\n',
    });
    expect(await replay('--all', '--queue', 'gantry.sync')).toMatchObject({ code: 0 });
    expect(server.requests.map(({ body }) => body)).toEqual([
      { queue: 'gantry.commands', ids: ['l1', 'l2'] },
      { queue: 'gantry.sync' },
    ]);
    expect(await replay('l1', 'l2', 'none')).toMatchObject({
      code: 1,
      err: 'gantry: 1 of the 3 ids are not parked in gantry.commands\n',
    });
  });

  test('throws away, a hundred at a time', async () => {
    const many = Array.from({ length: 150 }, (_, at) => ({ ...letter, id: `l${at}` }));
    const discarded: string[] = [];
    await using server = await startApiServer({
      'GET /api/v1/dead-letters': () => page(...many),
      'DELETE /api/v1/dead-letters': ({ ids }) => {
        discarded.push(...ids);
        return { body: { discarded: ids.length } };
      },
    });
    const words = ['dead-letters', 'discard', '--all', '--output', 'json', '--server', server.url];
    const { code, out } = await gantry(words);
    expect({ code, out: JSON.parse(out) }).toEqual({ code: 0, out: { discarded: 150 } });
    expect(discarded).toEqual(many.map(({ id }) => id));
    expect(server.calls()).toEqual([
      'GET /api/v1/dead-letters',
      'DELETE /api/v1/dead-letters',
      'DELETE /api/v1/dead-letters',
    ]);
  });
});
