import { randomUUID } from 'node:crypto';
import {
  type CloudEvent,
  type DeadLetter,
  DELIVERY_LIMIT,
  type Messages,
  openMessages,
} from '@gantry/messages';
import type { Fault } from '@gantry/oci';
import { collector, event } from '../../packages/messages/src/contract/deliveries.ts';
import { plainClient } from '../../packages/messages/src/contract/plain-client.ts';
import { messagesContract } from '../../packages/messages/src/messages.contract.ts';
import { needs, withParts } from '../servers/parts.ts';
import { type Rabbitmq, startRabbitmq } from '../servers/rabbitmq.ts';

let broker: Rabbitmq;

const real = needs('rabbitmq').showing(() => [broker]);
real.beforeAll(async () => {
  broker = await startRabbitmq();
}, 120_000);
real.afterAll(async () => {
  await broker?.[Symbol.asyncDispose]();
}, 30_000);

/** An exchange of a test's own: the queues are named after it. */
const newExchange = () => `test-${randomUUID().slice(0, 8)}`;
const soon = { timing: { pauseMs: () => 20 } };
const open = (exchange: string, options = {}) =>
  openMessages({ amqp: { url: broker.url(), exchange } }, { ...soon, ...options });

withParts('RabbitMQ as messages', ['rabbitmq'], () => {
  messagesContract('RabbitMQ', async () => {
    const exchange = newExchange();
    let messages = await open(exchange);
    return {
      messages,
      reopen: async () => {
        await messages[Symbol.asyncDispose]();
        messages = await open(exchange);
        return messages;
      },
      [Symbol.asyncDispose]: () => messages[Symbol.asyncDispose](),
    };
  });
});

real.test(
  'a command that a plain client publishes on the exchange gantry reaches the queue gantry.commands',
  async () => {
    await using messages = await open('gantry');
    const seen = collector(3);
    await using consumer = await messages.consume('gantry.commands', seen.handle);
    void consumer;
    await using client = await plainClient(broker.url());
    const command: CloudEvent = {
      ...event('build-4711', 'command.promote'),
      source: 'https://ci.example.org',
      data: { items: [{ repository: 'httpd', reference: '2.4' }], to: 'stable' },
    };
    const sync = event('build-4712', 'command.sync');
    await client.publish('gantry', 'command.promote', JSON.stringify(command));
    await client.publish('gantry', 'promotion.done', JSON.stringify(event('no command')));
    await client.publish('', 'gantry.commands', JSON.stringify(sync), { type: 'command.sync' });
    await client.publish('gantry', 'command.sync', JSON.stringify(sync));
    expect(await seen.all).toEqual([
      { routingKey: 'command.promote', event: command, attempt: 1 },
      { routingKey: 'gantry.commands', event: sync, attempt: 1 },
      { routingKey: 'command.sync', event: sync, attempt: 1 },
    ]);
  },
);

real.test(
  'an event reaches a queue that somebody has bound, as CloudEvents has it in structured mode',
  async () => {
    await using messages = await open(newExchange());
    const exchange = newExchange();
    await using own = await open(exchange);
    await using client = await plainClient(broker.url());
    const { queue } = await client.channel.assertQueue('', { exclusive: true });
    await client.channel.bindQueue(queue, exchange, 'promotion.*');
    const done = { ...event('p1', 'promotion.done'), subject: 'p1', data: { serial: 7 } };
    await messages.publish({ ...done, id: 'of another exchange' });
    await own.publish(event('s1', 'sync.done'));
    await own.publish(done);
    const got = await client.channel.get(queue, { noAck: true });
    if (got === false) throw new Error('nothing came');
    expect(JSON.parse(got.content.toString())).toEqual(done);
    expect(got.fields).toMatchObject({ exchange, routingKey: 'promotion.done' });
    expect(got.properties).toMatchObject({
      contentType: 'application/cloudevents+json; charset=utf-8',
      type: 'promotion.done',
      deliveryMode: 2,
    });
    expect(await client.channel.get(queue, { noAck: true })).toBe(false);
  },
);

real.test('a message that is delivered three times is handled three times, each as at first', async () => {
  const exchange = newExchange();
  await using messages = await open(exchange);
  await messages.depth('gantry.commands');
  await using client = await plainClient(broker.url());
  for (let n = 0; n < 3; n++) {
    await client.publish(exchange, 'command.sync', JSON.stringify(event('thrice')), { messageId: 'one' });
  }
  const seen = collector(3);
  const consumer = await messages.consume('gantry.commands', seen.handle, { prefetch: 3 });
  const delivery = { routingKey: 'command.sync', event: event('thrice'), attempt: 1 };
  expect(await seen.all).toEqual([delivery, delivery, delivery]);
  await consumer[Symbol.asyncDispose]();
  expect(await messages.depth('gantry.commands')).toEqual({ ready: 0, unacknowledged: 0, dead: 0 });
});

real.test(
  'what is no event is parked at once, with what is wrong with it, and the queue goes on',
  async () => {
    const exchange = newExchange();
    const troubles: Fault[] = [];
    await using messages = await open(exchange, { onTrouble: (fault: Fault) => troubles.push(fault) });
    await messages.depth('gantry.commands');
    await using client = await plainClient(broker.url());
    const publish: typeof client.publish = (...sent) => client.publish(...sent);
    await publish(exchange, 'command.a', 'no { JSON');
    await publish(exchange, 'command.b', JSON.stringify({ specversion: '1.0', id: 'x', type: 'no source' }));
    await publish(exchange, 'command.c', Buffer.from([0x22, 0xff, 0x22]));
    await publish(
      exchange,
      'command.d',
      JSON.stringify({ ...event('large'), data: 'x'.repeat(4 * 2 ** 20) }),
    );
    await publish(exchange, 'command.e', '');
    await publish(exchange, 'command.f', JSON.stringify({ ...event('0.3'), specversion: '0.3' }));
    await publish(exchange, 'command.g', JSON.stringify(event('good')), {
      headers: { 'x-delivery-count': 99, 'x-death': 'nonsense' },
    });
    const seen = collector(1);
    const consumer = await messages.consume('gantry.commands', seen.handle);
    expect(await seen.all).toEqual([{ routingKey: 'command.g', event: event('good'), attempt: 1 }]);
    await consumer[Symbol.asyncDispose]();
    expect(await messages.depth('gantry.commands')).toEqual({ ready: 0, unacknowledged: 0, dead: 6 });
    const letters = await messages.deadLetters('gantry.commands', 10);
    expect(letters.map(({ routingKey, text, reason }) => [routingKey, text?.slice(0, 9), reason])).toEqual([
      ['command.a', 'no { JSON', expect.stringMatching(/^it is not JSON: /) as string],
      ['command.b', '{"specver', expect.stringMatching(/^it is no CloudEvent: source: /) as string],
      ['command.c', '"\ufffd"', expect.stringMatching(/^it is not JSON: /) as string],
      ['command.d', '{"specver', 'it has 4194379 bytes, and 4194304 is the most'],
      ['command.e', '', expect.stringMatching(/^it is not JSON: /) as string],
      ['command.f', '{"specver', expect.stringMatching(/^it is no CloudEvent: specversion: /) as string],
    ]);
    expect(letters.every(({ text, event: read }) => read === undefined && (text?.length ?? 0) <= 1000)).toBe(
      true,
    );
    expect(troubles.map(({ code }) => code)).toEqual(Array.from({ length: 6 }, () => 'REQUEST_INVALID'));
    expect(troubles[0]?.message).toMatch(/"command\.a" was parked in test-\w+\.dead, as it is not JSON/);
  },
);

real.test('after its fifth failure a command lies in EXCHANGE.dead, whence it is replayed', async () => {
  const exchange = newExchange();
  await using messages = await open(exchange);
  const attempts: number[] = [];
  const { promise: parked, resolve } = Promise.withResolvers<void>();
  const failing = await messages.consume(
    'gantry.commands',
    () => Promise.reject(new Error('no such channel')),
    {
      onError: (_error, { attempt }) => {
        attempts.push(attempt);
        if (attempt === DELIVERY_LIMIT) resolve();
      },
    },
  );
  await using client = await plainClient(broker.url());
  const options = { headers: { traceparent: '00-1-1-00' }, correlationId: 'c' };
  await client.publish(exchange, 'command.promote', JSON.stringify(event('p1')), options);
  await parked;
  await failing[Symbol.asyncDispose]();
  expect(attempts).toEqual([1, 2, 3, 4, 5]);
  const dead = await client.channel.get(`${exchange}.dead`);
  if (dead === false) throw new Error('nothing is parked');
  expect(JSON.parse(dead.content.toString())).toEqual(event('p1'));
  expect(dead.properties.headers).toMatchObject({ 'gantry-reason': 'Error: no such channel' });
  client.channel.nack(dead);
  await client.channel.close();

  expect(await messages.replay('gantry.commands')).toBe(1);
  await using second = await plainClient(broker.url());
  const again = await second.channel.get(`${exchange}.commands`);
  if (again === false) throw new Error('nothing was replayed');
  expect(again.properties).toMatchObject({
    headers: { traceparent: '00-1-1-00', 'gantry-routing-key': 'command.promote' },
    correlationId: 'c',
  });
  second.channel.nack(again);
  await second.channel.close();
  const seen = collector(1);
  await messages.consume('gantry.commands', seen.handle);
  expect(await seen.all).toMatchObject([{ routingKey: 'command.promote', event: event('p1') }]);
});

real.test('what the broker itself has parked is listed and replayed too', async () => {
  const exchange = newExchange();
  await using messages = await open(exchange);
  await messages.depth('gantry.commands');
  await using client = await plainClient(broker.url());
  await client.publish(exchange, 'command.sync', JSON.stringify(event('deadly')));
  await client.publish(exchange, 'command.sync', JSON.stringify(event('rejected')));
  // As processes that die with it do: it comes back each time, until the queue's own limit.
  const { promise: gone, resolve } = Promise.withResolvers<void>();
  let came = 0;
  await client.channel.consume(`${exchange}.commands`, (message) => {
    if (message === null) return;
    const isDeadly = message.content.includes('deadly');
    client.channel.nack(message, false, isDeadly);
    if (isDeadly && ++came > DELIVERY_LIMIT) resolve();
  });
  await gone;
  await client.channel.close();
  const letters = await whenParked(messages, 2);
  const parkedAt = expect.stringMatching(/^\d{4}-.*Z$/) as string;
  const common = { id: expect.any(String) as string, routingKey: 'command.sync', parkedAt };
  const byId = letters.toSorted((one, other) => (one.reason ?? '').localeCompare(other.reason ?? ''));
  expect(byId).toEqual([
    { ...common, event: event('rejected'), reason: 'a consumer rejected it' },
    {
      ...common,
      event: event('deadly'),
      reason: 'it was handed out as often as the queue allows, and never acknowledged',
    },
  ]);
  expect(await messages.replay('gantry.commands', [byId[1]?.id ?? ''])).toBe(1);
  const seen = collector(1);
  await messages.consume('gantry.commands', seen.handle);
  expect(await seen.all).toEqual([{ routingKey: 'command.sync', event: event('deadly'), attempt: 1 }]);
});

async function whenParked(messages: Messages, count: number) {
  for (;;) {
    const letters = await messages.deadLetters('gantry.commands', 10);
    if (letters.length === count) return letters;
  }
}

real.test(
  'a message that waits for its next attempt is not handed out meanwhile, and does not hold up others',
  async () => {
    await using messages = await open(newExchange(), { timing: { pauseMs: () => 3_600_000 } });
    const attempts: string[] = [];
    const others = collector(30);
    const consumer = await messages.consume('q', async (delivery) => {
      if (!delivery.event.id.startsWith('bad')) return others.handle(delivery);
      attempts.push(delivery.event.id);
      throw new Error('not now');
    });
    for (let n = 0; n < 30; n++) {
      if (n % 10 === 0) await messages.send('q', 'key', event(`bad ${n}`));
      await messages.send('q', 'key', event(String(n)));
    }
    await others.all;
    expect(attempts).toEqual(['bad 0', 'bad 10', 'bad 20']);
    expect(await messages.depth('q')).toEqual({ ready: 0, unacknowledged: 3, dead: 0 });
    await consumer[Symbol.asyncDispose](); // at once: what waits is given back
    const seen = collector(3);
    await messages.consume('q', seen.handle);
    expect((await seen.all).map(({ event: { id }, attempt }) => [id, attempt])).toEqual([
      ['bad 0', 2],
      ['bad 10', 2],
      ['bad 20', 2],
    ]);
  },
);

real.test(
  'many large messages that are parked are listed page by page, each shortened, and replayed whole',
  async () => {
    const exchange = newExchange();
    await using messages = await open(exchange);
    await messages.depth('gantry.commands');
    await using client = await plainClient(broker.url());
    const count = 40;
    for (let n = 0; n < count; n++) {
      const large = { ...event(String(n)), data: 'x'.repeat(2 ** 20) };
      await client.publish('', `${exchange}.dead`, JSON.stringify(large));
    }
    const listed: DeadLetter[] = [];
    for (let after: DeadLetter | undefined; ; after = listed.at(-1)) {
      const page = await messages.deadLetters('gantry.commands', 15, after);
      if (page.length === 0) break;
      listed.push(...page);
    }
    expect(new Set(listed.map((letter) => letter.event?.id)).size).toBe(count);
    expect(listed).toHaveLength(count);
    expect(JSON.stringify(listed).length).toBeLessThan(count * 2000);
    const ids = listed.slice(0, 20).map(({ id }) => id);
    expect(await messages.replay('gantry.commands', ids)).toBe(20);
    expect(await messages.replay('gantry.commands')).toBe(20);
    const seen = collector(count);
    await using consumer = await messages.consume('gantry.commands', seen.handle);
    void consumer;
    expect((await seen.all).every((each) => (each.event.data as string).length === 2 ** 20)).toBe(true);
  },
  60_000,
);

real.test(
  'while another has taken all that is parked, to look at it, nobody is told that there is nothing',
  async () => {
    const exchange = newExchange();
    await using messages = await open(exchange);
    await messages.depth('gantry.commands');
    await using client = await plainClient(broker.url());
    await client.publish('', `${exchange}.dead`, JSON.stringify(event('1')));
    await client.channel.assertQueue(`${exchange}.dead.lock`, { exclusive: true, durable: false });
    expect(await client.channel.get(`${exchange}.dead`)).not.toBe(false);
    const listed = messages.deadLetters('gantry.commands', 10);
    expect((await messages.depth('gantry.commands')).dead).toBe(0);
    client.channel.nackAll(true);
    await client.channel.deleteQueue(`${exchange}.dead.lock`);
    expect((await listed).map((letter) => letter.event?.id)).toEqual(['1']);
  },
);

real.test('whoever looks at parked messages at the same time finds them all', async () => {
  const exchange = newExchange();
  await using one = await open(exchange);
  await using other = await open(exchange);
  await one.depth('gantry.commands');
  await using client = await plainClient(broker.url());
  for (let n = 0; n < 20; n++) await client.publish('', `${exchange}.dead`, JSON.stringify(event(String(n))));
  const looks = await Promise.all(
    [one, other, one, other].map((messages) => messages.deadLetters('gantry.commands', 100)),
  );
  expect(looks.map((letters) => letters.length)).toEqual([20, 20, 20, 20]);
  const replayed = await Promise.all([one.replay('gantry.commands'), other.replay('gantry.commands')]);
  expect(replayed.toSorted((few, many) => few - many)).toEqual([0, 20]);
  expect(await one.depth('gantry.commands')).toEqual({ ready: 20, unacknowledged: 0, dead: 0 });
});
