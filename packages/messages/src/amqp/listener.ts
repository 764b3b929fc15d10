import { randomUUID } from 'node:crypto';
import { Fault } from '@gantry/oci';
import type { ConsumeMessage } from 'amqplib';
import type { CloudEvent, Consumer, ListenOptions, OpenOptions } from '../messages.ts';
import type { AmqpConnection } from './connection.ts';
import { incoming } from './envelope.ts';
import { mustFit, type Names } from './names.ts';
import { Standing } from './standing.ts';
import type { Timing } from './timing.ts';
import { declareExchange } from './topology.ts';

/**
 * Listens by a queue of its own, which is the connection's alone and goes with it; on the next connection there is another.
 * @throws Fault CONFIGURATION_INVALID, UNAVAILABLE, REQUEST_INVALID
 */
export async function startListener(
  { connection, names, timing }: { connection: AmqpConnection; names: Names; timing: Timing },
  types: readonly string[],
  handle: (event: CloudEvent) => void,
  { onError, onTrouble }: ListenOptions & OpenOptions,
): Promise<Consumer> {
  const patterns = types.map((type) => mustFit(type, 'the type of an event'));
  let stopped = false;
  const onMessage = (message: ConsumeMessage) => {
    if (stopped) return;
    const read = incoming(message);
    if (read.event === undefined) {
      const what = `a message on the exchange ${names.exchange} with the routing key ${JSON.stringify(read.routingKey)}`;
      onTrouble?.(new Fault('REQUEST_INVALID', `${what} is no event: ${read.reason}`));
      return;
    }
    try {
      handle(read.event);
    } catch (error) {
      onError?.(error, read.event);
    }
  };
  const standing = new Standing({
    connection,
    timing,
    onTrouble,
    setUp: async (channel) => {
      await declareExchange(channel, names);
      const queue = `${names.exchange}.listener.${randomUUID()}`;
      await channel.assertQueue(queue, { exclusive: true, autoDelete: true, durable: false });
      for (const pattern of patterns) await channel.bindQueue(queue, names.exchange, pattern);
      const ended = () => void channel.close().catch(() => undefined);
      await channel.consume(queue, (message) => (message === null ? ended() : onMessage(message)), {
        noAck: true,
      });
    },
  });
  await standing.started();
  return {
    [Symbol.asyncDispose]: async () => {
      stopped = true;
      await standing.stop();
    },
  };
}
