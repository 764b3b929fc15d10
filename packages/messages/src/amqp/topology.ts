import type { Channel, ChannelModel, Options } from 'amqplib';
import { DELIVERY_LIMIT } from '../messages.ts';
import type { Names } from './names.ts';

/** RabbitMQ 4 parks what came back 20 times, if a queue says nothing; parked messages come back with each look at them. */
const NO_LIMIT = 1_000_000_000;
/** From RabbitMQ 3.12 on a queue says how long a handler may take; before, only the broker's consumer_timeout does. */
const HANDLER_MAX_MS = 24 * 60 * 60 * 1000;

/** How many messages wait in a queue, and are parked. */
export interface Counts {
  readonly ready: number;
  readonly dead: number;
}

export async function declareExchange(channel: Channel, { exchange }: Names): Promise<void> {
  await channel.assertExchange(exchange, 'topic', { durable: true });
}

/** Makes a queue with all that belongs to it, as far as it is not there. */
export async function declareQueue(model: ChannelModel, names: Names, queue: string): Promise<Counts> {
  return onOwnChannel(model, async (channel) => {
    const [name, deadName] = [names.queue(queue), names.deadQueue(queue)];
    await declareExchange(channel, names);
    await channel.assertExchange(names.deadLetterExchange, 'direct', { durable: true });
    const dead = await channel.assertQueue(deadName, quorum({ 'x-delivery-limit': NO_LIMIT }));
    await channel.bindQueue(deadName, names.deadLetterExchange, name);
    const ready = await channel.assertQueue(
      name,
      quorum({
        // We park after as many attempts ourselves, and say why; this is for messages that end their processes.
        'x-delivery-limit': DELIVERY_LIMIT,
        'x-dead-letter-exchange': names.deadLetterExchange,
        'x-dead-letter-routing-key': name,
        // Else the broker itself may lose a message on its way to the parked ones; it asks for the overflow too.
        'x-dead-letter-strategy': 'at-least-once',
        'x-overflow': 'reject-publish',
        'x-consumer-timeout': HANDLER_MAX_MS,
      }),
    );
    for (const pattern of names.bindings(queue)) await channel.bindQueue(name, names.exchange, pattern);
    return { ready: ready.messageCount, dead: dead.messageCount };
  });
}

/** Does something on a channel of its own, as a channel ends with the first error on it. */
export async function onOwnChannel<T>(
  model: ChannelModel,
  act: (channel: Channel) => Promise<T>,
): Promise<T> {
  const channel = await model.createChannel();
  channel.on('error', () => undefined); // the call that it befell is told
  try {
    return await act(channel);
  } finally {
    await channel.close().catch(() => undefined);
  }
}

function quorum(more: Record<string, unknown>): Options.AssertQueue {
  return { durable: true, arguments: { 'x-queue-type': 'quorum', ...more } };
}
