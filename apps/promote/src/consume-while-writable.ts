import type { Consumer, ConsumeOptions, Delivery, Messages } from '@gantry/messages';
import { asFault } from '@gantry/oci';
import type { Log } from '@gantry/pipeline';
import type { ReadOnly } from './read-only.ts';

export interface WritableConsumerOptions extends ConsumeOptions {
  readonly messages: Pick<Messages, 'consume' | 'send'>;
  readonly queue: string;
  readonly readOnly: Pick<ReadOnly, 'state'>;
  readonly log: Log;
  /** How often it is looked whether changes are taken again; a second if absent. */
  readonly lookMs?: number;
}

const LOOK_MS = 1000;

/**
 * Consumes a queue, and leaves its messages there while changes are refused: they are neither refused nor is it an attempt
 * that failed. The one message that tells us of it, as we look before each, goes back to the end of the queue as new.
 */
export async function consumeWhileWritable(
  handle: (delivery: Delivery) => Promise<void>,
  { messages, queue, readOnly, log, lookMs = LOOK_MS, ...options }: WritableConsumerOptions,
): Promise<Consumer> {
  let consumer: Promise<Consumer> | undefined;
  let ended: Promise<void> = Promise.resolve();
  let looking: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isEnding = false;

  const isOn = async () => (await readOnly.state()).on;
  const take = async (delivery: Delivery) => {
    if (!(await isOn())) return handle(delivery);
    pause();
    await messages.send(queue, delivery.routingKey, delivery.event);
  };
  const start = async () => {
    consumer = messages.consume(queue, take, options);
    await consumer;
  };
  const pause = () => {
    if (consumer === undefined) return;
    log.info({ queue }, 'commands.paused');
    ended = stop(consumer);
    consumer = undefined;
    lookLater();
  };
  const look = async () => {
    try {
      if (isEnding || (await isOn())) return lookLater();
      await ended;
      await start();
      log.info({ queue }, 'commands.resumed');
    } catch (error) {
      consumer = undefined;
      log.error({ err: asFault(error), queue }, 'commands.not_resumed');
      lookLater();
    }
  };
  const lookLater = () => {
    if (isEnding) return;
    timer = setTimeout(() => {
      looking = look();
    }, lookMs);
  };

  if (await isOn()) lookLater();
  else await start();
  return {
    async [Symbol.asyncDispose]() {
      isEnding = true;
      clearTimeout(timer);
      await looking;
      if (consumer !== undefined) await stop(consumer);
      await ended;
    },
  };
}

async function stop(consumer: Promise<Consumer>): Promise<void> {
  await (await consumer)[Symbol.asyncDispose]();
}
