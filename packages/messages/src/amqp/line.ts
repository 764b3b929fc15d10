import { randomUUID } from 'node:crypto';
import type { Channel, ConsumeMessage } from 'amqplib';

/** One consumer at the broker: it is given one message, and the next once that is settled. */
export interface Place {
  readonly tag: string;
}

/** A channel of a consumer, and what was handed out on it. */
export class Line {
  readonly #channel: Channel;
  readonly #queue: string;
  readonly #onMessage: (message: ConsumeMessage, place: Place) => void;
  readonly #places = new Set<Place>();
  readonly #unsettled = new Set<ConsumeMessage>();
  #isOver = false;

  /** @param queue its name at the broker; the channel's prefetch is 1 */
  constructor(channel: Channel, queue: string, onMessage: (message: ConsumeMessage, place: Place) => void) {
    this.#channel = channel;
    this.#queue = queue;
    this.#onMessage = onMessage;
    channel.once('close', () => (this.#isOver = true));
  }

  /** Whether its messages are the broker's again. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** How many messages are neither acknowledged nor given back. */
  get unsettled(): number {
    return this.#isOver ? 0 : this.#unsettled.size;
  }

  async open(): Promise<void> {
    const place: Place = { tag: `gantry-${randomUUID()}` };
    this.#places.add(place);
    const onMessage = (message: ConsumeMessage | null) => {
      if (message === null) {
        // The queue was deleted. On a new channel it is made again.
        void this.#channel.close().catch(() => undefined);
      } else {
        this.#unsettled.add(message);
        this.#onMessage(message, place);
      }
    };
    await this.#channel.consume(this.#queue, onMessage, { consumerTag: place.tag });
  }

  /** Has no further message handed out there. What was, is still to be settled. */
  async close(place: Place): Promise<void> {
    if (!this.#places.delete(place) || this.#isOver) return;
    await this.#channel.cancel(place.tag).catch(() => undefined); // no longer, if the channel ends meanwhile
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.#places].map((place) => this.close(place)));
  }

  /** @returns false if it could not be said: the message comes again */
  acknowledge(message: ConsumeMessage): boolean {
    return this.#settle(message, () => this.#channel.ack(message));
  }

  /** To be handed out again, to whomever, as if it never had been: from RabbitMQ 4.3 on that is no attempt. */
  giveBack(message: ConsumeMessage): void {
    this.#settle(message, () => this.#channel.nack(message, false, true));
  }

  /** To be handed out again, as its handler has failed: one attempt more, on every RabbitMQ. */
  retry(message: ConsumeMessage): void {
    this.#settle(message, () => this.#channel.reject(message, true));
  }

  #settle(message: ConsumeMessage, say: () => void): boolean {
    this.#unsettled.delete(message);
    if (this.#isOver) return false;
    try {
      say();
      return true;
    } catch {
      return false;
    }
  }
}
