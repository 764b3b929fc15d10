import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Delivery, openMessages } from '@gantry/messages';
import { QUEUES } from '@gantry/pipeline';
import { until } from './api/until.fixture.ts';
import { consumeWhileWritable } from './consume-while-writable.ts';

async function openQueue() {
  await using stack = new AsyncDisposableStack();
  const root = await mkdtemp(join(tmpdir(), 'gantry-writable-'));
  stack.defer(() => rm(root, { recursive: true, force: true }));
  const messages = stack.use(await openMessages({ embedded: { file: join(root, 'messages.db') } }));
  const rest = stack.move();
  const state = { on: false };
  const taken: [id: string, attempt: number][] = [];
  const take = async ({ event, attempt }: Delivery) => void taken.push([event.id, attempt]);
  const events: string[] = [];
  const note = (_: object, event: string) => void events.push(event);
  return {
    messages,
    state,
    taken,
    events,
    /** It ends with the queue, or before. */
    async consume() {
      return rest.use(
        await consumeWhileWritable(take, {
          messages,
          queue: QUEUES.commands,
          readOnly: { state: async () => ({ ...state }) },
          log: { debug: note, info: note, warn: note, error: note },
          lookMs: 5,
        }),
      );
    },
    send: (id: string) =>
      messages.send(QUEUES.commands, 'command.sync', {
        specversion: '1.0',
        id,
        source: '/ci',
        type: 'command.sync',
        data: {},
      }),
    when: (holds: () => boolean | Promise<boolean>) => until('the queue', holds),
    [Symbol.asyncDispose]: () => rest.disposeAsync(),
  };
}

describe('commands while changes are refused', () => {
  test('wait in the queue, and are carried out afterwards at their first attempt', async () => {
    await using queue = await openQueue();
    await queue.consume();
    await queue.send('before');
    await queue.when(() => queue.taken.length === 1);
    queue.state.on = true;
    await queue.send('1');
    await queue.when(() => queue.events.includes('commands.paused'));
    await queue.send('2');
    await queue.when(async () => {
      const { ready, unacknowledged } = await queue.messages.depth(QUEUES.commands);
      return ready === 2 && unacknowledged === 0;
    });
    expect(queue.taken).toEqual([['before', 1]]);
    queue.state.on = false;
    await queue.when(() => queue.taken.length === 3);
    expect(queue.taken.map(([id]) => id).toSorted()).toEqual(['1', '2', 'before']);
    expect(queue.taken.every(([, attempt]) => attempt === 1)).toBe(true);
    expect(await queue.messages.depth(QUEUES.commands)).toMatchObject({ dead: 0 });
  });

  test('are never parked by it, however often it is switched', async () => {
    await using queue = await openQueue();
    await queue.consume();
    const told = (event: string) => queue.events.filter((one) => one === event).length;
    let sent = 0;
    for (let times = 1; times <= 8; times++) {
      queue.state.on = true;
      await queue.when(async () => {
        // The one before may have been taken while it was off.
        if (queue.taken.length === sent) await queue.send(`${++sent}`);
        return told('commands.paused') === times;
      });
      if (times === 8) break;
      // Switched off for so short a time that it is mostly on again before the message is handled.
      queue.state.on = false;
      await queue.when(() => told('commands.resumed') === times);
    }
    queue.state.on = false;
    await queue.when(async () => {
      const { ready, unacknowledged } = await queue.messages.depth(QUEUES.commands);
      return ready + unacknowledged === 0;
    });
    expect(await queue.messages.depth(QUEUES.commands)).toMatchObject({ dead: 0 });
    expect(queue.taken.every(([, attempt]) => attempt === 1)).toBe(true);
  });

  test('are not even looked at when it was on from the start; and who ends meanwhile ends', async () => {
    await using queue = await openQueue();
    queue.state.on = true;
    await queue.send('1');
    await (await queue.consume())[Symbol.asyncDispose]();
    expect(queue.taken).toEqual([]);
    await queue.consume();
    queue.state.on = false;
    await queue.when(() => queue.taken.length === 1);
  });
});
