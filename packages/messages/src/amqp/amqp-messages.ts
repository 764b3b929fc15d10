import type {
  CloudEvent,
  ConsumeOptions,
  Consumer,
  DeadLetter,
  Delivery,
  ListenOptions,
  Messages,
  OpenOptions,
} from '../messages.ts';
import { AmqpConsumer } from './amqp-consumer.ts';
import { type AmqpConnection, closedFault } from './connection.ts';
import { within } from './deadline.ts';
import { DeadLetters } from './dead-letters.ts';
import { outgoing } from './envelope.ts';
import { startListener } from './listener.ts';
import type { Names } from './names.ts';
import { Publisher } from './publisher.ts';
import type { Timing } from './timing.ts';
import { declareQueue } from './topology.ts';

export interface AmqpParts {
  readonly publishing: AmqpConnection;
  /** Makes the other connection, when it is needed. */
  readonly connectForConsuming: () => AmqpConnection;
  readonly names: Names;
  readonly timing: Timing;
  readonly options: OpenOptions;
}

/**
 * The queues and the exchange of a broker. There are two connections: RabbitMQ stops reading from one that publishes when
 * it is short of memory or disk, and acknowledgements must not wait behind that.
 */
export class AmqpMessages implements Messages {
  readonly #parts: AmqpParts;
  readonly #publisher: Publisher;
  readonly #consumers = new Set<AmqpConsumer>();
  readonly #listeners = new Set<Consumer>();
  #consuming: AmqpConnection | undefined;
  #deadLetters: DeadLetters | undefined;
  #closing: Promise<void> | undefined;

  constructor(parts: AmqpParts) {
    this.#parts = parts;
    this.#publisher = new Publisher(parts.publishing, parts.names, parts.timing);
  }

  /** Makes the exchange, if there is a connection. @throws Fault CONFIGURATION_INVALID, UNAVAILABLE */
  async prepare(): Promise<void> {
    await this.#publisher.prepare();
  }

  async send(queue: string, routingKey: string, event: CloudEvent): Promise<void> {
    await this.#publisher.toQueue(queue, outgoing(event, routingKey));
  }

  async publish(event: CloudEvent): Promise<void> {
    await this.#publisher.toExchange(event.type, outgoing(event));
  }

  async consume(
    queue: string,
    handle: (delivery: Delivery) => Promise<void>,
    options: ConsumeOptions = {},
  ): Promise<Consumer> {
    const connection = await this.#connection();
    const { names, timing } = this.#parts;
    const parts = { connection, publisher: this.#publisher, names, timing };
    const consumer = new AmqpConsumer(parts, queue, handle, { ...this.#parts.options, ...options });
    this.#consumers.add(consumer);
    const stop = async () => {
      await consumer.stop();
      this.#consumers.delete(consumer);
    };
    try {
      await consumer.started();
    } catch (error) {
      await stop();
      throw error;
    }
    return { [Symbol.asyncDispose]: stop };
  }

  async listen(
    types: readonly string[],
    handle: (event: CloudEvent) => void,
    options: ListenOptions = {},
  ): Promise<Consumer> {
    const connection = await this.#connection();
    const { names, timing } = this.#parts;
    const listener = await startListener({ connection, names, timing }, types, handle, {
      ...this.#parts.options,
      ...options,
    });
    this.#listeners.add(listener);
    return {
      [Symbol.asyncDispose]: async () => {
        await listener[Symbol.asyncDispose]();
        this.#listeners.delete(listener);
      },
    };
  }

  async deadLetters(
    queue: string,
    limit: number,
    after?: Pick<DeadLetter, 'id' | 'parkedAt'>,
  ): Promise<readonly DeadLetter[]> {
    return (await this.#parked()).list(queue, limit, after);
  }

  async replay(queue: string, ids?: readonly string[]): Promise<number> {
    return (await this.#parked()).replay(queue, ids);
  }

  async discard(queue: string, ids: readonly string[]): Promise<number> {
    return (await this.#parked()).discard(queue, ids);
  }

  async depth(queue: string): Promise<{ ready: number; unacknowledged: number; dead: number }> {
    const connection = await this.#connection();
    const { names, timing } = this.#parts;
    const deadline = performance.now() + timing.deadlineMs;
    const model = await connection.model(deadline);
    const ours = [...this.#consumers].filter((consumer) => consumer.queue === queue);
    try {
      const { ready, dead } = await within(deadline, declareQueue(model, names, queue));
      return { ready, unacknowledged: ours.reduce((sum, each) => sum + each.unacknowledged, 0), dead };
    } catch (error) {
      const fault = connection.fault(error);
      throw fault.code === 'CONFIGURATION_INVALID' ? fault : connection.unavailable(error);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const handlers = [...this.#consumers].map((consumer) => consumer.stop());
    const listeners = [...this.#listeners].map((listener) => listener[Symbol.asyncDispose]());
    await Promise.all([...handlers, ...listeners]);
    await this.#publisher.close();
    await Promise.all([this.#consuming?.close(), this.#parts.publishing.close()]);
  }

  async #parked(): Promise<DeadLetters> {
    const connection = await this.#connection();
    const { names, timing } = this.#parts;
    this.#deadLetters ??= new DeadLetters({ connection, publisher: this.#publisher, names, timing });
    return this.#deadLetters;
  }

  /** The connection for consuming. Waits for its first attempt, so that whoever consumes is told of what is wrong. */
  async #connection(): Promise<AmqpConnection> {
    const { publishing, connectForConsuming } = this.#parts;
    if (this.#closing !== undefined) throw closedFault(publishing.address);
    const connection = (this.#consuming ??= connectForConsuming());
    await connection.firstAttempt();
    return connection;
  }
}
