import { setTimeout as pause } from 'node:timers/promises';
import { Fault } from '@gantry/oci';
import type { ConsumeMessage } from 'amqplib';
import { type ConsumeOptions, DELIVERY_LIMIT, type Delivery, type OpenOptions } from '../messages.ts';
import type { AmqpConnection } from './connection.ts';
import { attemptOf, incoming, parked, sendingOf } from './envelope.ts';
import { Line, type Place } from './line.ts';
import type { Names } from './names.ts';
import type { Publisher } from './publisher.ts';
import { Sendings } from './sendings.ts';
import { Standing } from './standing.ts';
import type { Timing } from './timing.ts';
import { declareQueue } from './topology.ts';

/** So many messages may wait for their next attempt while others are handled; then room is not made for more. */
const HELD_MAX = 256;
/** Why a message is parked that came more often than it should. */
const DIED = `each of the ${DELIVERY_LIMIT} times that it was handed out, its handler failed or its process ended`;

export interface ConsumerParts {
  /** For consuming; the publisher has its own, as RabbitMQ may stop reading from one that publishes. */
  readonly connection: AmqpConnection;
  readonly publisher: Publisher;
  readonly names: Names;
  readonly timing: Timing;
}

type Outcome = { readonly failed: false } | { readonly failed: true; readonly error: unknown };
const DONE: Outcome = { failed: false };

/**
 * Takes messages of one queue and hands them to one handler.
 *
 * Each of the messages that are handled at once has a place, a consumer at the broker of its own. A message whose handler
 * has failed stays with us through its pause, and another place is opened instead of its own, so that the queue goes on:
 * RabbitMQ would hand out at once what is given back.
 */
export class AmqpConsumer {
  readonly #parts: ConsumerParts;
  readonly #queue: string;
  readonly #handle: (delivery: Delivery) => Promise<void>;
  readonly #options: ConsumeOptions & OpenOptions;
  readonly #stopping = new AbortController();
  readonly #underWay = new Set<Promise<void>>();
  readonly #sendings = new Sendings<Outcome>();
  readonly #standing: Standing;
  #line: Line | undefined;
  #held = 0;

  constructor(
    parts: ConsumerParts,
    queue: string,
    handle: (delivery: Delivery) => Promise<void>,
    options: ConsumeOptions & OpenOptions,
  ) {
    const { connection, timing, names } = parts;
    this.#parts = parts;
    this.#queue = queue;
    this.#handle = handle;
    this.#options = options;
    this.#standing = new Standing({
      connection,
      timing,
      onTrouble: options.onTrouble,
      setUp: async (channel, model) => {
        await declareQueue(model, names, queue);
        await channel.prefetch(1); // of each consumer that follows
        const line: Line = new Line(channel, names.queue(queue), (message, place) =>
          this.#track(this.#settle(line, message, place)),
        );
        this.#line = line;
        await Promise.all(Array.from({ length: options.prefetch ?? 1 }, () => line.open()));
      },
    });
  }

  get queue(): string {
    return this.#queue;
  }

  /** How many messages it has that are neither acknowledged nor given back. */
  get unacknowledged(): number {
    return this.#line?.unsettled ?? 0;
  }

  /** Resolves once it is under way; at once while there is no connection. @throws Fault CONFIGURATION_INVALID, UNAVAILABLE */
  async started(): Promise<void> {
    await this.#standing.started();
  }

  /** Takes no further message, and waits for the handlers. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#standing.halt();
    await this.#line?.closeAll();
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
    await this.#standing.stop();
  }

  #track(settled: Promise<void>): void {
    const done = settled.finally(() => this.#underWay.delete(done));
    this.#underWay.add(done);
  }

  /** All that is done with a message that was handed out. Never rejects. */
  async #settle(line: Line, message: ConsumeMessage, place: Place): Promise<void> {
    if (this.#stopping.signal.aborted) return line.giveBack(message);
    const read = incoming(message);
    if (read.event === undefined) return this.#parkUnreadable(line, message, read.reason);
    const delivery: Delivery = {
      routingKey: read.routingKey,
      event: read.event,
      attempt: attemptOf(message),
    };
    const sending = sendingOf(message);
    const known =
      message.fields.redelivered && sending !== undefined ? this.#sendings.get(sending) : undefined;
    if (known === undefined && delivery.attempt > DELIVERY_LIMIT) {
      await this.#park(line, message, DIED);
      this.#options.onError?.(new Fault('UNAVAILABLE', `the message is parked: ${DIED}`), delivery);
      return;
    }
    const running = known ?? this.#run(delivery);
    if (sending !== undefined) this.#sendings.set(sending, running);
    const outcome = await running;
    if (!outcome.failed) return this.#acknowledge(line, message);

    if (sending !== undefined) this.#sendings.forget(sending);
    const isLast = delivery.attempt >= DELIVERY_LIMIT;
    if (isLast && !line.isOver) await this.#park(line, message, String(outcome.error));
    if (known === undefined) this.#options.onError?.(outcome.error, delivery);
    if (!isLast) await this.#hold(line, message, place, delivery.attempt);
  }

  async #run(delivery: Delivery): Promise<Outcome> {
    try {
      await this.#handle(delivery);
      return DONE;
    } catch (error) {
      return { failed: true, error };
    }
  }

  /** What can't be acknowledged any more comes again, and is remembered until then. */
  #acknowledge(line: Line, message: ConsumeMessage): void {
    const sending = sendingOf(message);
    if (line.acknowledge(message) && sending !== undefined) this.#sendings.forget(sending);
  }

  async #hold(line: Line, message: ConsumeMessage, place: Place, attempt: number): Promise<void> {
    this.#held++;
    if (this.#held <= HELD_MAX && !this.#stopping.signal.aborted) {
      await line.close(place);
      await line.open().catch(() => undefined); // if the channel has ended: the next one has all its places
    }
    const pauseMs = this.#parts.timing.pauseMs(attempt);
    await pause(pauseMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
    this.#held--;
    line.retry(message);
  }

  async #parkUnreadable(line: Line, message: ConsumeMessage, reason: string): Promise<void> {
    const { names, connection } = this.#parts;
    await this.#park(line, message, reason);
    const queue = names.queue(this.#queue);
    this.#options.onTrouble?.(
      new Fault(
        'REQUEST_INVALID',
        `a message in ${queue} with the routing key ${JSON.stringify(message.fields.routingKey)} was parked in ` +
          `${names.deadQueue(this.#queue)}, as ${reason}`,
        { queue, url: connection.address.shown },
      ),
    );
  }

  /** It is where it is parked before it leaves its queue. */
  async #park(line: Line, message: ConsumeMessage, reason: string): Promise<void> {
    try {
      await this.#parts.publisher.park(this.#queue, parked(message, reason, new Date()));
    } catch {
      return line.retry(message); // to be parked the next time
    }
    const sending = sendingOf(message);
    if (sending !== undefined) this.#sendings.set(sending, Promise.resolve(DONE));
    this.#acknowledge(line, message);
  }
}
