import { CloudEvent } from '@gantry/messages';
import { plainClient } from '../../packages/messages/src/contract/plain-client.ts';

const QUEUE = 'recorder';

/** Keeps every event that left, as a listener outside would see it. */
export interface Recorder {
  /** Reads what has come meanwhile. */
  read(): Promise<void>;
  /** All events by their ids: a repeat has the id of the first. */
  readonly events: ReadonlyMap<string, CloudEvent>;
}

/**
 * Binds a queue that outlives its broker's restarts to the exchange, before anything is published.
 * @param url of the broker, now
 */
export async function openRecorder(url: () => string): Promise<Recorder> {
  {
    await using client = await plainClient(url());
    await client.channel.assertExchange('gantry', 'topic', { durable: true });
    await client.channel.assertQueue(QUEUE, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
    await client.channel.bindQueue(QUEUE, 'gantry', '#');
  }
  const events = new Map<string, CloudEvent>();
  return {
    events,
    read: async () => {
      await using client = await plainClient(url());
      for (;;) {
        const message = await client.channel.get(QUEUE);
        if (message === false) return;
        // Commands come by, too.
        if (!message.fields.routingKey.startsWith('command.')) {
          const event = CloudEvent.parse(JSON.parse(message.content.toString()));
          expect(event).toEqual(events.get(event.id) ?? event);
          events.set(event.id, event);
        }
        client.channel.ack(message);
      }
    },
  };
}
