import { z } from 'zod';

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

  /** How many messages wait or are under way, and how many are parked. */
  depth(queue: string): Promise<{ ready: number; unacknowledged: number; dead: number }>;
}
