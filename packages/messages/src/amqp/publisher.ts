import { setTimeout as pause } from 'node:timers/promises';
import { Fault } from '@gantry/oci';
import type { ChannelModel, ConfirmChannel, Message } from 'amqplib';
import type { AmqpConnection } from './connection.ts';
import { within } from './deadline.ts';
import type { Outgoing } from './envelope.ts';
import type { Names } from './names.ts';
import type { Timing } from './timing.ts';
import { declareExchange, declareQueue } from './topology.ts';

/** How long until what was not confirmed is sent again. */
const RETRY_MS = 100;

/** A channel with confirms, on one connection. */
interface Line {
  readonly model: ChannelModel;
  readonly channel: Promise<ConfirmChannel>;
  /** Queues that are known to be there, or are being made. */
  readonly declared: Map<string, Promise<unknown>>;
  /** Sendings that came back, as no queue of that name was there. */
  readonly returned: Set<string>;
  isOver: boolean;
}

/** Sends messages, each again until the broker has confirmed it or its time is over. */
export class Publisher {
  readonly #connection: AmqpConnection;
  readonly #names: Names;
  readonly #timing: Timing;
  #line: Line | undefined;

  constructor(connection: AmqpConnection, names: Names, timing: Timing) {
    this.#connection = connection;
    this.#names = names;
    this.#timing = timing;
  }

  /** Makes the exchange, if there is a connection. @throws Fault CONFIGURATION_INVALID, UNAVAILABLE */
  async prepare(): Promise<void> {
    if (this.#connection.isUp) await this.#open(performance.now() + this.#timing.deadlineMs);
  }

  /** Straight into a queue. @throws Fault UNAVAILABLE, CONFIGURATION_INVALID */
  async toQueue(queue: string, message: Outgoing): Promise<void> {
    const name = this.#names.queue(queue);
    await this.#send('', name, message, queue);
  }

  /** To where messages of a queue are parked. */
  async park(queue: string, message: Outgoing): Promise<void> {
    await this.#send(this.#names.deadLetterExchange, this.#names.queue(queue), message, queue);
  }

  /** By the topic exchange, to whoever has bound a queue to it. */
  async toExchange(routingKey: string, message: Outgoing): Promise<void> {
    await this.#send(this.#names.exchange, routingKey, message);
  }

  /** Waits until what was sent so far is on its way. */
  async close(): Promise<void> {
    const channel = await this.#line?.channel.catch(() => undefined);
    await channel?.close().catch(() => undefined);
  }

  /** @param queue must be there, and must take it */
  async #send(exchange: string, routingKey: string, message: Outgoing, queue?: string): Promise<void> {
    const deadline = performance.now() + this.#timing.deadlineMs;
    for (;;) {
      try {
        const { line, channel } = await this.#open(deadline);
        if (queue !== undefined) await this.#declare(line, queue, deadline);
        const { promise: confirmed, resolve, reject } = Promise.withResolvers<void>();
        const options = { ...message.options, mandatory: queue !== undefined };
        channel.publish(exchange, routingKey, message.content, options, (error: unknown) => {
          if (error !== null) return reject(error);
          if (!line.returned.delete(message.options.messageId)) return resolve();
          line.declared.delete(queue ?? '');
          reject(new Error(`there is no queue ${routingKey}`));
        });
        return await within(deadline, confirmed);
      } catch (error) {
        if (error instanceof Fault) throw error;
        if (performance.now() + RETRY_MS >= deadline) throw this.#connection.unavailable(error);
      }
      await pause(RETRY_MS);
    }
  }

  async #open(deadline: number): Promise<{ line: Line; channel: ConfirmChannel }> {
    const model = await this.#connection.model(deadline);
    let line = this.#line;
    if (line === undefined || line.isOver || line.model !== model)
      line = this.#line = newLine(model, this.#names);
    try {
      return { line, channel: await within(deadline, line.channel) };
    } catch (error) {
      throw this.#worthAnError(error);
    }
  }

  async #declare({ declared, model }: Line, queue: string, deadline: number): Promise<void> {
    let declaring = declared.get(queue);
    if (declaring === undefined) {
      declaring = declareQueue(model, this.#names, queue);
      declared.set(queue, declaring);
    }
    try {
      await within(deadline, declaring);
    } catch (error) {
      declared.delete(queue);
      throw this.#worthAnError(error);
    }
  }

  /** A fault if it will not pass by itself. */
  #worthAnError(error: unknown): unknown {
    const fault = this.#connection.fault(error);
    return fault.code === 'CONFIGURATION_INVALID' ? fault : error;
  }
}

function newLine(model: ChannelModel, names: Names): Line {
  const open = async () => {
    try {
      const channel = await model.createConfirmChannel();
      channel.on('error', () => undefined); // 'close' follows
      channel.on('close', () => (line.isOver = true));
      channel.on('return', ({ properties }: Message) => line.returned.add(String(properties.messageId)));
      await declareExchange(channel, names);
      return channel;
    } catch (error) {
      line.isOver = true;
      throw error;
    }
  };
  const line: Line = {
    model,
    channel: Promise.resolve().then(open),
    declared: new Map(),
    returned: new Set(),
    isOver: false,
  };
  line.channel.catch(() => undefined); // whoever waits for it is told
  return line;
}
