import { event, ids, listener, type OpenedMessages } from './deliveries.ts';

/** What every implementation does with events, which go to whoever listens. */
export function eventsContract(open: () => Promise<OpenedMessages>): void {
  test('an event reaches everyone who listens to its type, as it was published, once', async () => {
    await using opened = await open();
    const { messages } = opened;
    const [exact, pattern, all] = [listener(), listener(), listener()];
    await messages.listen(['promotion.done'], exact.handle);
    await messages.listen(['promotion.*', 'promotion.done', 'gc.done'], pattern.handle);
    await messages.listen(['#'], all.handle);
    const done = { ...event('1', 'promotion.done'), subject: 'p1', data: { serial: 7, of: ['a', null] } };
    await messages.publish(done);
    await messages.publish(event('2', 'promotion.failed'));
    await messages.publish(event('3', 'sync.done'));
    await messages.publish(event('4', 'gc.done'));
    await messages.publish(event('5', 'promotion.done'));
    await Promise.all([exact.has('5'), pattern.has('5'), all.has('5')]);
    expect(exact.heard()).toEqual(['1', '5']);
    expect(pattern.heard()).toEqual(['1', '2', '4', '5']);
    expect(all.heard()).toEqual(['1', '2', '3', '4', '5']);
    expect(exact.events[0]).toEqual(done);
  });

  test('nobody has to listen, and who listens later does not hear of it', async () => {
    await using opened = await open();
    const { messages } = opened;
    for (const id of ids(3)) await messages.publish(event(id, 'sync.done'));
    const late = listener();
    await messages.listen(['#'], late.handle);
    await messages.publish(event('later', 'sync.done'));
    await late.has('later');
    expect(late.heard()).toEqual(['later']);
  });

  test('a listener that is disposed of hears no more; one that throws is reported and goes on', async () => {
    await using opened = await open();
    const { messages } = opened;
    const [first, second] = [listener(), listener()];
    const errors: unknown[] = [];
    const ended = await messages.listen(['sync.*'], first.handle);
    await messages.listen(
      ['sync.*'],
      (heard) => {
        second.handle(heard);
        if (heard.id === '1') throw new Error('not this one');
      },
      { onError: (error, { id }) => errors.push([id, error]) },
    );
    await messages.publish(event('1', 'sync.done'));
    await Promise.all([first.has('1'), second.has('1')]);
    await ended[Symbol.asyncDispose]();
    await ended[Symbol.asyncDispose]();
    await messages.publish(event('2', 'sync.done'));
    await second.has('2');
    expect(first.heard()).toEqual(['1']);
    expect(second.heard()).toEqual(['1', '2']);
    expect(errors).toEqual([['1', new Error('not this one')]]);
  });

  test('an event is no message of a queue, and a message no event', async () => {
    await using opened = await open();
    const { messages } = opened;
    const all = listener();
    await messages.listen(['#'], all.handle);
    await messages.send('q', 'work.sync', event('work', 'work.sync'));
    await messages.publish(event('event', 'work.sync'));
    await all.has('event');
    expect(all.heard()).toEqual(['event']);
    expect(await messages.depth('q')).toEqual({ ready: 1, unacknowledged: 0, dead: 0 });
  });
}
