import { randomUUID } from 'node:crypto';
import { DELIVERY_LIMIT, type Messages, openMessages } from '@gantry/messages';
import type { Fault } from '@gantry/oci';
import { collector, event, ids, listener } from '../../packages/messages/src/contract/deliveries.ts';
import { plainClient } from '../../packages/messages/src/contract/plain-client.ts';
import { needs } from '../servers/parts.ts';
import { type Rabbitmq, startRabbitmq } from '../servers/rabbitmq.ts';
import { startChild } from './messages-child.ts';
import { startToxiproxy } from '../servers/toxiproxy.ts';

/** RabbitMQ that goes away in the middle, and the way to it: a message may come twice, and none is lost. */
let broker: Rabbitmq;
const real = needs('rabbitmq', 'toxiproxy-server').showing(() => [broker]);
real.beforeAll(async () => {
  broker = await startRabbitmq();
}, 120_000);
real.afterAll(async () => {
  await broker?.[Symbol.asyncDispose]();
}, 30_000);

const soon = { pauseMs: () => 20, reconnectMs: 50, longestReconnectMs: 500, deadlineMs: 90_000 };
const newExchange = () => `test-${randomUUID().slice(0, 8)}`;
const open = (exchange: string, timing = {}, url = broker.url(), more = {}) =>
  openMessages({ amqp: { url, exchange } }, { timing: { ...soon, ...timing }, ...more });

/** Handles messages, each after a turn of the event loop, and resolves `all` when so many different ones came. */
function handled(count: number) {
  const seen = new Map<string, number>();
  const { promise: all, resolve } = Promise.withResolvers<void>();
  const waiting = new Set<() => void>();
  return {
    seen,
    all,
    /** Resolves when so many have come. */
    has: (few: number) =>
      new Promise<void>((done) => {
        const look = () => void (seen.size >= few && done());
        waiting.add(look);
        look();
      }),
    handle: async ({ event: { id } }: { event: { id: string } }) => {
      await new Promise((next) => setImmediate(next));
      seen.set(id, (seen.get(id) ?? 0) + 1);
      for (const look of waiting) look();
      if (seen.size === count) resolve();
    },
  };
}

/** Sends in eight chains, so that there is always something in flight. */
async function sendAll(messages: Messages, all: readonly string[]): Promise<void> {
  const rest = [...all];
  const chain = async () => {
    for (let id = rest.shift(); id !== undefined; id = rest.shift())
      await messages.send('q', 'key', event(id));
  };
  await Promise.all(Array.from({ length: 8 }, chain));
}

real.test(
  'RabbitMQ ends in the middle of sends and consumes and is started again: all arrives, consumers and listeners resume',
  async () => {
    const exchange = newExchange();
    const troubles: Fault[] = [];
    let recoveries = 0;
    const told = {
      onTrouble: (fault: Fault) => troubles.push(fault),
      onRecovery: () => recoveries++,
    };
    await using sender = await open(exchange, {}, broker.url(), told);
    await using worker = await open(exchange);
    const all = ids(800);
    const work = handled(all.length);
    const heard = listener();
    await worker.consume('q', work.handle, { prefetch: 4 });
    await worker.listen(['#'], heard.handle);
    const sent = sendAll(sender, all);
    await work.has(50);
    await broker.stop();
    await broker.start();
    await work.has(300);
    // Killed just after a queue was made, RabbitMQ 3.10 may come back without a leader for it: here it is older.
    await broker.kill();
    await broker.start();
    await sent;
    await work.all;
    expect([...work.seen.keys()].toSorted()).toEqual([...all].toSorted());
    // A listener hears nothing while it is cut off: it is talked to until it does.
    for (let n = 0; heard.events.length === 0; n++) {
      await sender.publish(event(String(n), 'sync.done'));
      await sender.depth('q'); // a round trip
    }
    expect((await worker.depth('q')).dead).toBe(0);
    expect(recoveries).toBeGreaterThanOrEqual(2);
    expect(troubles[0]).toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining(`amqp://${broker.host}/gantry`) as string,
    });
  },
  180_000,
);

real.test(
  'messages are opened while RabbitMQ is away: sending says so after its time, and consuming begins when it is back',
  async () => {
    const exchange = newExchange();
    await broker.stop();
    await using hasty = await open(exchange, { openMs: 100, deadlineMs: 300 });
    await expect(hasty.send('q', 'key', event('1'))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringMatching(
        /RabbitMQ at amqp:\/\/127\.0\.0\.1:\d+\/gantry .*ECONNREFUSED/,
      ) as string,
    });
    await expect(hasty.depth('q')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(hasty.deadLetters('q', 1)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await using patient = await open(exchange, { openMs: 100 });
    const seen = collector(1);
    const heard = listener();
    await patient.consume('q', seen.handle);
    await patient.listen(['#'], heard.handle);
    const sent = patient.send('q', 'key', event('patience'));
    await broker.start();
    await sent;
    expect(await seen.all).toMatchObject([{ event: { id: 'patience' } }]);
    for (let n = 0; heard.events.length === 0; n++) {
      await patient.publish(event(String(n), 'sync.done'));
      await patient.depth('q');
    }
  },
  180_000,
);

real.test(
  'a connection that is cut while a handler runs: the message comes again and joins it, and is acknowledged',
  async () => {
    await using proxy = await startToxiproxy(broker.host, 7);
    const exchange = newExchange();
    await using messages = await open(exchange, {}, broker.url(new URL(proxy.url).host));
    const started = Promise.withResolvers<void>();
    const finish = Promise.withResolvers<void>();
    let runs = 0;
    const consumer = await messages.consume('q', async () => {
      runs++;
      started.resolve();
      await finish.promise;
    });
    await messages.send('q', 'key', event('long'));
    await started.promise;
    await using watcher = await open(exchange);
    for (let round = 0; round < 2; round++) {
      await proxy.cut();
      await whenDepth(watcher, ({ ready }) => ready === 1); // it is the broker's again
      await proxy.open();
      await whenDepth(watcher, ({ ready }) => ready === 0); // and was handed out again
    }
    finish.resolve();
    // What the broker has handed out again may still be on its way: a consumer that ends before it comes gives it back.
    await whenDepth(watcher, ({ ready, unacknowledged }) => ready + unacknowledged === 0);
    await consumer[Symbol.asyncDispose]();
    expect(runs).toBe(1);
    expect(await messages.depth('q')).toEqual({ ready: 0, unacknowledged: 0, dead: 0 });
  },
  60_000,
);

real.test(
  'a connection that is cut again and again loses nothing, and parks nothing',
  async () => {
    await using proxy = await startToxiproxy(broker.host, 8);
    const exchange = newExchange();
    await using messages = await open(exchange, {}, broker.url(new URL(proxy.url).host));
    const all = ids(300);
    const work = handled(all.length);
    await messages.consume('q', work.handle, { prefetch: 4 });
    const sent = sendAll(messages, all);
    for (const few of [20, 60, 100]) {
      await work.has(few);
      await proxy.cut();
      await proxy.open();
    }
    await sent;
    await work.all;
    expect([...work.seen.keys()].toSorted()).toEqual([...all].toSorted());
    expect((await messages.depth('q')).dead).toBe(0);
  },
  60_000,
);

real.test(
  'a connection that falls silent is noticed by its heartbeat, and a send that waits for it says so in time',
  async () => {
    await using proxy = await startToxiproxy(broker.host, 9);
    const timing = { heartbeatSeconds: 1, deadlineMs: 1500 };
    const troubles: Fault[] = [];
    const noticed = Promise.withResolvers<void>();
    const onTrouble = (fault: Fault) => {
      troubles.push(fault);
      if (fault.message.includes('Heartbeat timeout')) noticed.resolve();
    };
    const url = broker.url(new URL(proxy.url).host);
    await using messages = await open(newExchange(), timing, url, { onTrouble });
    await messages.send('q', 'key', event('before'));
    await proxy.add('silence', { type: 'timeout', attributes: { timeout: 0 } });
    await expect(messages.send('q', 'key', event('into the void'))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    });
    await noticed.promise;
    await proxy.remove('silence');
    const seen = collector(1);
    await messages.consume('q', seen.handle);
    expect(await seen.all).toMatchObject([{ event: { id: 'before' } }]);
  },
  60_000,
);

real.test(
  'while RabbitMQ is short of memory a send waits and then says so, and what was handed out is still acknowledged',
  async () => {
    const exchange = newExchange();
    await using messages = await open(exchange, { deadlineMs: 5_000 });
    const finish = Promise.withResolvers<void>();
    const started = Promise.withResolvers<void>();
    const consumer = await messages.consume('q', async () => {
      started.resolve();
      await finish.promise;
    });
    await messages.send('q', 'key', event('1'));
    await started.promise;
    await broker.control('set_vm_memory_high_watermark', '0.0001');
    try {
      await expect(messages.send('q', 'key', event('2'))).rejects.toMatchObject({
        code: 'UNAVAILABLE',
        message: expect.stringContaining('takes no messages for now') as string,
      });
      finish.resolve();
      await consumer[Symbol.asyncDispose]();
      expect((await messages.depth('q')).ready).toBe(0);
    } finally {
      await broker.control('set_vm_memory_high_watermark', '0.4');
    }
    await messages.send('q', 'key', event('3'));
    const seen = collector(1);
    await messages.consume('q', seen.handle);
    await seen.all;
  },
  60_000,
);

real.test('a queue that somebody deletes is made again, for who consumes and for who sends', async () => {
  const exchange = newExchange();
  await using messages = await open(exchange);
  const seen = collector(2);
  await messages.consume('q', seen.handle);
  await messages.send('q', 'key', event('1'));
  await using client = await plainClient(broker.url());
  await client.channel.deleteQueue(`${exchange}.q`);
  await messages.send('q', 'key', event('2'));
  await seen.all;
  expect(new Set(seen.deliveries.map((delivery) => delivery.event.id))).toEqual(new Set(['1', '2']));
});

real.test(
  `a message that kills its process comes to another, and is parked after ${DELIVERY_LIMIT} times`,
  async () => {
    const exchange = newExchange();
    await using messages = await open(exchange);
    await messages.send('q', 'key', event('deadly'));
    for (let n = 1; n <= DELIVERY_LIMIT; n++) {
      const child = startChild({ url: broker.url(), exchange });
      expect(await child.nextLine()).toBe(`deadly ${n}`);
      await child.kill();
    }
    const errors: unknown[] = [];
    const seen = collector(1);
    await messages.consume('q', seen.handle, { onError: (error) => errors.push(error) });
    await messages.send('q', 'key', event('next'));
    expect(await seen.all).toMatchObject([{ event: { id: 'next' } }]);
    await whenDepth(messages, ({ dead }) => dead === 1);
    expect(errors).toMatchObject([{ message: expect.stringContaining('each of the 5 times') as string }]);
    expect(await messages.deadLetters('q', 10)).toMatchObject([
      { event: { id: 'deadly' }, reason: expect.stringContaining('its process ended') as string },
    ]);
  },
  60_000,
);

type Depth = Awaited<ReturnType<Messages['depth']>>;

async function whenDepth(messages: Messages, isSo: (depth: Depth) => boolean): Promise<void> {
  while (!isSo(await messages.depth('q')));
}
