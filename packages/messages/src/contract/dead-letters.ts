import { type CloudEvent, type DeadLetter, DELIVERY_LIMIT, type Messages } from '../messages.ts';
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

  test('parked messages are listed page by page, also behind one that is parked no more', async () => {
    await using opened = await open();
    const { messages } = opened;
    await park(messages, 'q', ids(5));
    await park(messages, 'other', ['elsewhere']);
    const all = await messages.deadLetters('q', 10);
    const [first, second] = await messages.deadLetters('q', 2);
    if (first === undefined || second === undefined) throw new Error('two are parked');
    expect(await messages.deadLetters('q', 2, second)).toEqual(all.slice(2, 4));
    expect(await messages.discard('q', [second.id])).toBe(1);
    expect(await messages.deadLetters('q', 2, second)).toEqual(all.slice(2, 4));
    expect(await messages.deadLetters('q', 10, { id: 'of another engine', ...parkedAtOf(second) })).toEqual(
      expect.arrayContaining(all.slice(2)),
    );
    expect(await messages.deadLetters('q', 2, all[4])).toEqual([]);
  });

  test('of a large message the beginning of its data is shown, and it is replayed whole', async () => {
    await using opened = await open();
    const { messages } = opened;
    const large: CloudEvent = {
      ...event('large'),
      subject: 's'.repeat(5000),
      data: { items: 'x'.repeat(1_000_000) },
    };
    const whole: CloudEvent = { ...event('whole'), data: { items: 'x'.repeat(4000) } };
    await park(messages, 'q', ['large', 'whole'], (id) => (id === 'large' ? large : whole));
    const [shown, other] = await messages.deadLetters('q', 10);
    expect(shown?.event).toEqual({ ...event('large'), subject: 's'.repeat(1000), data: undefined });
    expect(shown?.text).toBe(`{"items":"${'x'.repeat(990)}`);
    expect(other).toMatchObject({ event: whole });
    expect(other).not.toHaveProperty('text');
    expect(await messages.replay('q', [shown?.id ?? ''])).toBe(1);
    const seen = collector(1);
    await using consumer = await messages.consume('q', seen.handle);
    void consumer;
    expect((await seen.all)[0]?.event).toEqual(large);
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
async function park(
  messages: Messages,
  queue: string,
  wanted: readonly string[],
  eventOf: (id: string) => CloudEvent = event,
): Promise<void> {
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
    await messages.send(queue, `key.${id}`, eventOf(id));
    await parked.promise;
  }
}

function parkedAtOf({ parkedAt }: DeadLetter): Pick<DeadLetter, 'parkedAt'> {
  return parkedAt === undefined ? {} : { parkedAt };
}
