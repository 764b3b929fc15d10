import type { Fault } from '@gantry/oci';
import { z } from 'zod';
import type { Timing as AmqpTiming } from './amqp/timing.ts';
import type { Timing as EmbeddedTiming } from './embedded/timing.ts';

/** CloudEvents 1.0, structured JSON mode. `source` and `id` together name the event: a repeat has the same two. */
export const CloudEvent = z.object({
  specversion: z.literal('1.0'),
  id: z.string().min(1).max(200),
  source: z.string().min(1).max(500),
  type: z.string().min(1).max(200),
  time: z.string().optional(),
  subject: z.string().optional(),
  datacontenttype: z.string().optional(),
  data: z.unknown(),
});
export type CloudEvent = z.infer<typeof CloudEvent>;

/** How many times a message is handed out before it is parked as a dead letter. */
export const DELIVERY_LIMIT = 5;

/** One message as a consumer gets it. */
export interface Delivery {
  readonly routingKey: string;
  readonly event: CloudEvent;
  /** 1 at first. */
  readonly attempt: number;
}

export interface ConsumeOptions {
  /** How many deliveries are under way at once. */
  readonly prefetch?: number;
  /** Told of a handler that failed and of messages that are parked. */
  readonly onError?: (error: unknown, delivery: Delivery) => void;
}

/** A message that was parked after `DELIVERY_LIMIT` attempts, or that was no event at all. */
export interface DeadLetter {
  /** Names it among the parked ones of its queue. */
  readonly id: string;
  readonly routingKey: string;
  /** Absent where the bytes are no CloudEvent; without its `data` where the message has more than 8 KiB. */
  readonly event?: CloudEvent;
  /** The beginning of the bytes, where they are no CloudEvent; of the `data` as JSON, where `event` is without. */
  readonly text?: string;
  /** Why it was parked, as far as the engine knows. */
  readonly reason?: string;
  readonly parkedAt?: string;
}

/** Who is told of what befalls a broker's connection. The embedded queues have none. */
export interface OpenOptions {
  /** Of a connection that is lost or can not be made, and of bytes that are no message: for the log. */
  readonly onTrouble?: (fault: Fault) => void;
  /** The connection is there again. */
  readonly onRecovery?: () => void;
  /** For tests: shorter pauses. Each engine takes what it knows of. */
  readonly timing?: Partial<EmbeddedTiming & AmqpTiming>;
}

export interface ListenOptions {
  /** Told of a handler that threw. */
  readonly onError?: (error: unknown, event: CloudEvent) => void;
}

/** A running consumer. Disposing of it takes no further message and waits for the handlers under way. */
export type Consumer = AsyncDisposable;

/**
 * Commands in and, between Gantry's own services, work to be done. At least once: a handler must be right when it is
 * given a message again. A message is acknowledged when its handler has returned, which must be after what the handler
 * did is durable; a handler that throws gets the message again, after a pause, and the fifth time it is parked.
 * Disposing of the messages disposes of their consumers first.
 */
export interface Messages extends AsyncDisposable {
  /** Resolves once the message is durable. @throws Fault UNAVAILABLE, STORAGE_FULL */
  send(queue: string, routingKey: string, event: CloudEvent): Promise<void>;

  /** Hands the queue's messages to `handle`, oldest first. */
  consume(
    queue: string,
    handle: (delivery: Delivery) => Promise<void>,
    options?: ConsumeOptions,
  ): Promise<Consumer>;

  /**
   * Publishes an event to whoever listens. Resolves once the broker has it; with nobody listening it is gone then.
   * @throws Fault UNAVAILABLE
   */
  publish(event: CloudEvent): Promise<void>;

  /**
   * Listens to events from now on, for as long as it runs: no queue remains behind it, and what is published while the
   * connection is down does not come. `types` are names as `promotion.done`, or patterns as topics have them
   * (`promotion.*`, `#`). A handler that throws is reported and changes nothing.
   */
  listen(
    types: readonly string[],
    handle: (event: CloudEvent) => void,
    options?: ListenOptions,
  ): Promise<Consumer>;

  /**
   * Messages of a queue that are parked, the oldest first, without taking them. RabbitMQ shows the first 10,000 alone.
   * @param limit of more than 1,024 the first 1,024 come: all in all 16 MiB at the most
   * @param after goes on behind this one, whether it is still parked or not
   */
  deadLetters(
    queue: string,
    limit: number,
    after?: Pick<DeadLetter, 'id' | 'parkedAt'>,
  ): Promise<readonly DeadLetter[]>;

  /**
   * Puts parked messages back into their queue, their attempts counted anew. Each is in the queue before it leaves
   * where it was parked.
   * @param ids ids of dead letters; absent: all
   * @returns how many
   */
  replay(queue: string, ids?: readonly string[]): Promise<number>;

  /** Throws parked messages away. @param ids ids of dead letters @returns how many */
  discard(queue: string, ids: readonly string[]): Promise<number>;

  /** How many messages wait or are under way, and how many are parked. */
  depth(queue: string): Promise<{ ready: number; unacknowledged: number; dead: number }>;
}
