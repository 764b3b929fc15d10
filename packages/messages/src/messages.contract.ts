import * as fc from 'fast-check';
import { deadLettersContract } from './contract/dead-letters.ts';
import { collector, event, ids, type OpenedMessages } from './contract/deliveries.ts';
import { eventsContract } from './contract/events.ts';
import { type CloudEvent, type Delivery, DELIVERY_LIMIT } from './messages.ts';

/** What every implementation does. Each test is given new, empty queues. */
export function messagesContract(name: string, open: () => Promise<OpenedMessages>): void {
  describe(`${name} as messages`, () => {
    test('a message is handed out as it was sent, and is gone once its handler has returned', async () => {
      await using opened = await open();
      const { messages } = opened;
      const sent = { ...event('1'), traceparent: '00-1-1-00', data: { repository: 'a/b', tags: ['1.0'] } };
      await messages.send('commands', 'command.sync', sent);
      expect(await messages.depth('commands')).toEqual({ ready: 1, unacknowledged: 0, dead: 0 });
      const seen = collector(1);
      const consumer = await messages.consume('commands', seen.handle);
      expect(await seen.all).toEqual([{ routingKey: 'command.sync', event: sent, attempt: 1 }]);
      await consumer[Symbol.asyncDispose]();
      expect(await messages.depth('commands')).toEqual({ ready: 0, unacknowledged: 0, dead: 0 });
    });

    test('whatever JSON an event carries, it arrives unchanged', async () => {
      await using opened = await open();
      const { messages } = opened;
      await fc.assert(
        fc.asyncProperty(
          fc.jsonValue({ maxDepth: 4 }),
          fc.string({ unit: 'binary' }),
          async (data, subject) => {
            const sent: CloudEvent = { ...event('1'), subject, data: JSON.parse(JSON.stringify(data)) };
            await messages.send('q', 'key', sent);
            const seen = collector(1);
            const consumer = await messages.consume('q', seen.handle);
            expect((await seen.all)[0]?.event).toEqual(sent);
            await consumer[Symbol.asyncDispose]();
          },
        ),
        { numRuns: 20 },
      );
    });

    test('messages are handed out oldest first', async () => {
      await using opened = await open();
      const { messages } = opened;
      await Promise.all(ids(20).map((id) => messages.send('q', 'key', event(id))));
      const seen = collector(30);
      await messages.consume('q', seen.handle);
      for (const id of ids(10)) await messages.send('q', 'key', event(`later ${id}`));
      expect((await seen.all).map((delivery) => delivery.event.id)).toEqual([
        ...ids(20),
        ...ids(10).map((id) => `later ${id}`),
      ]);
    });

    test('what was sent is there after the next start, also what was not acknowledged', async () => {
      await using opened = await open();
      const { messages, reopen } = opened;
      for (const id of ids(3)) await messages.send('q', 'key', event(id));
      const first = collector(1);
      const consumer = await messages.consume('q', first.handle);
      await first.all;
      await consumer[Symbol.asyncDispose]();
      const handled = first.deliveries.map((delivery) => delivery.event.id);
      const again = await reopen();
      const rest = collector(3 - handled.length);
      await again.consume('q', rest.handle);
      expect([...handled, ...(await rest.all).map((delivery) => delivery.event.id)]).toEqual(ids(3));
    });

    test('a message whose handler throws comes again, and others are handled meanwhile', async () => {
      await using opened = await open();
      const { messages } = opened;
      const errors: unknown[] = [];
      const seen = collector(6);
      let failed = false;
      const options = { onError: (error: unknown) => void errors.push(error) };
      await messages.consume(
        'q',
        async (delivery) => {
          await seen.handle(delivery);
          if (delivery.event.id !== '0' || failed) return;
          failed = true;
          throw new Error('not this time');
        },
        options,
      );
      await Promise.all(ids(5).map((id) => messages.send('q', 'key', event(id))));
      const deliveries = await seen.all;
      const of = (id: string) => deliveries.filter((delivery) => delivery.event.id === id);
      expect(of('0').map(({ attempt }) => attempt)).toEqual([1, 2]);
      expect(
        ids(5)
          .slice(1)
          .map((id) => of(id).length),
      ).toEqual([1, 1, 1, 1]);
      expect(errors).toEqual([new Error('not this time')]);
    });

    test(`a message that is poison is parked after ${DELIVERY_LIMIT} attempts and does not stop the queue`, async () => {
      await using opened = await open();
      const { messages, reopen } = opened;
      const attempts: number[] = [];
      const parked = Promise.withResolvers<void>();
      const others = collector(10);
      const consumer = await messages.consume(
        'q',
        async (delivery) => {
          if (delivery.event.id !== 'poison') return await others.handle(delivery);
          throw new Error('poison');
        },
        {
          prefetch: 2,
          onError: (_error, { attempt }) => {
            attempts.push(attempt);
            if (attempt === DELIVERY_LIMIT) parked.resolve();
          },
        },
      );
      await messages.send('q', 'key', event('poison'));
      await Promise.all(ids(10).map((id) => messages.send('q', 'key', event(id))));
      await others.all;
      await parked.promise;
      expect(attempts).toEqual([1, 2, 3, 4, 5]);
      await consumer[Symbol.asyncDispose]();
      expect(await messages.depth('q')).toEqual({ ready: 0, unacknowledged: 0, dead: 1 });
      expect(await (await reopen()).depth('q')).toEqual({ ready: 0, unacknowledged: 0, dead: 1 });
    });

    test('as many messages are handled at once as prefetch says, and no more', async () => {
      await using opened = await open();
      const { messages } = opened;
      const three = Promise.withResolvers<void>();
      const open3 = Promise.withResolvers<void>();
      const seen = collector(9);
      let now = 0;
      let most = 0;
      await messages.consume(
        'q',
        async (delivery) => {
          most = Math.max(most, ++now);
          if (now === 3) three.resolve();
          await open3.promise;
          now--;
          await seen.handle(delivery);
        },
        { prefetch: 3 },
      );
      for (const id of ids(9)) await messages.send('q', 'key', event(id));
      await three.promise;
      expect(await messages.depth('q')).toEqual({ ready: 6, unacknowledged: 3, dead: 0 });
      open3.resolve();
      await seen.all;
      expect(most).toBe(3);
    });

    test('a consumer that is disposed of waits for its handler and leaves the rest', async () => {
      await using opened = await open();
      const { messages } = opened;
      for (const id of ids(3)) await messages.send('q', 'key', event(id));
      const started = Promise.withResolvers<void>();
      const finish = Promise.withResolvers<void>();
      let handled = 0;
      const consumer = await messages.consume('q', async () => {
        started.resolve();
        await finish.promise;
        handled++;
      });
      await started.promise;
      const disposed = consumer[Symbol.asyncDispose]();
      finish.resolve();
      await disposed;
      expect(handled).toBe(1);
      expect(await messages.depth('q')).toEqual({ ready: 2, unacknowledged: 0, dead: 0 });
    });

    test('two consumers of a queue share its messages, and other queues are left alone', async () => {
      await using opened = await open();
      const { messages } = opened;
      const both = Promise.withResolvers<void>();
      const seen = collector(40);
      const busy = new Set<string>();
      const handler = (who: string) => async (delivery: Delivery) => {
        busy.add(who);
        if (busy.size === 2) both.resolve();
        await both.promise; // neither goes on until each has one
        await seen.handle(delivery);
      };
      await messages.consume('q', handler('first'));
      await messages.consume('q', handler('second'));
      await messages.send('other', 'key', event('other'));
      await Promise.all(ids(40).map((id) => messages.send('q', 'key', event(id))));
      const handled = (await seen.all).map((delivery) => delivery.event.id);
      expect(handled.toSorted()).toEqual(ids(40).toSorted());
      expect(await messages.depth('other')).toEqual({ ready: 1, unacknowledged: 0, dead: 0 });
    });

    test('messages that are closed refuse by name', async () => {
      await using opened = await open();
      const { messages } = opened;
      await messages[Symbol.asyncDispose]();
      const closed = { code: 'UNAVAILABLE', message: expect.stringContaining('closed') as string };
      await expect(messages.send('q', 'key', event('1'))).rejects.toMatchObject(closed);
      await expect(messages.consume('q', async () => {})).rejects.toMatchObject(closed);
      await expect(messages.depth('q')).rejects.toMatchObject(closed);
      await expect(messages.publish(event('1'))).rejects.toMatchObject(closed);
      await expect(messages.listen(['#'], () => {})).rejects.toMatchObject(closed);
      await expect(messages.deadLetters('q', 1)).rejects.toMatchObject(closed);
      await expect(messages.replay('q')).rejects.toMatchObject(closed);
      await expect(messages.discard('q', ['1'])).rejects.toMatchObject(closed);
    });

    deadLettersContract(open);
    eventsContract(open);
  });
}
