import { DELIVERY_LIMIT, type Messages } from '../messages.ts';
import { collector, event, ids, type OpenedMessages } from './deliveries.ts';

/** What every implementation does with messages that are parked. */
export function deadLettersContract(open: () => Promise<OpenedMessages>): void {
  test('parked messages are listed in the order of parking, with why, and stay where they are', async () => {
    await using opened = await open();
    const { messages } = opened;
    await park(messages, 'q', ids(3));
    await park(messages, 'other', ['elsewhere']);
    const listed = await messages.deadLetters('q', 10);
    expect(listed).toEqual(
      ids(3).map((id) => ({
        id: expect.any(String) as string,
        routingKey: `key.${id}`,
        event: event(id),
        reason: expect.stringContaining(`no use for ${id}`) as string,
        parkedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) as string,
      })),
    );
    expect(new Set(listed.map(({ id }) => id)).size).toBe(3);
    expect(await messages.deadLetters('q', 2)).toEqual(listed.slice(0, 2));
    expect(await messages.deadLetters('q', 10)).toEqual(listed);
    expect(await messages.depth('q')).toEqual({ ready: 0, unacknowledged: 0, dead: 3 });
    expect(await messages.deadLetters('empty', 10)).toEqual([]);
  });

  test('a parked message that is replayed is handed out as at first', async () => {
    await using opened = await open();
    const { messages, reopen } = opened;
    await park(messages, 'q', ids(3));
    const [, second] = await messages.deadLetters('q', 10);
    expect(await messages.replay('q', [second?.id ?? '', 'no-such-id', '99999999'])).toBe(1);
    expect(await messages.depth('q')).toEqual({ ready: 1, unacknowledged: 0, dead: 2 });
    const again = await reopen();
    const seen = collector(1);
    const consumer = await again.consume('q', seen.handle);
    expect(await seen.all).toEqual([{ routingKey: 'key.1', event: event('1'), attempt: 1 }]);
    await consumer[Symbol.asyncDispose]();
    expect(await again.replay('q', [second?.id ?? ''])).toBe(0);
    expect(await again.depth('q')).toEqual({ ready: 0, unacknowledged: 0, dead: 2 });
  });

  test('without ids all of a queue are replayed, also while a consumer runs that still fails', async () => {
    await using opened = await open();
    const { messages } = opened;
    await park(messages, 'other', ['elsewhere']);
    await park(messages, 'q', ids(3));
    const attempts: number[] = [];
    const parkedAgain = Promise.withResolvers<void>();
    const consumer = await messages.consume('q', () => Promise.reject(new Error('still not')), {
      prefetch: 3,
      onError: (_error, { attempt }) => {
        attempts.push(attempt);
        if (attempts.filter((each) => each === DELIVERY_LIMIT).length === 3) parkedAgain.resolve();
      },
    });
    expect(await messages.replay('q')).toBe(3);
    await parkedAgain.promise;
    await consumer[Symbol.asyncDispose]();
    expect(attempts.toSorted((one, other) => one - other)).toEqual([
      1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5,
    ]);
    expect(await messages.depth('q')).toEqual({ ready: 0, unacknowledged: 0, dead: 3 });
    expect(await messages.depth('other')).toEqual({ ready: 0, unacknowledged: 0, dead: 1 });
    expect(await messages.replay('empty')).toBe(0);
  });

  test('a parked message that is discarded is gone, and only that one', async () => {
    await using opened = await open();
    const { messages, reopen } = opened;
    await park(messages, 'q', ids(3));
    const [first, , third] = await messages.deadLetters('q', 10);
    expect(await messages.discard('q', [first?.id ?? '', third?.id ?? '', 'no-such-id'])).toBe(2);
    expect(await messages.discard('q', [first?.id ?? ''])).toBe(0);
    expect(await messages.discard('q', [])).toBe(0);
    expect((await messages.deadLetters('q', 10)).map((letter) => letter.event?.id)).toEqual(['1']);
    expect(await (await reopen()).depth('q')).toEqual({ ready: 0, unacknowledged: 0, dead: 1 });
  });
}

/** Sends messages one by one, whose handler fails until they are parked. */
async function park(messages: Messages, queue: string, wanted: readonly string[]): Promise<void> {
  let parked = Promise.withResolvers<void>();
  await using consumer = await messages.consume(
    queue,
    ({ event: { id } }) => Promise.reject(new Error(`no use for ${id}`)),
    {
      onError: (_error, { attempt }) => {
        if (attempt === DELIVERY_LIMIT) parked.resolve();
      },
    },
  );
  void consumer;
  for (const id of wanted) {
    parked = Promise.withResolvers<void>();
    await messages.send(queue, `key.${id}`, event(id));
    await parked.promise;
  }
}
