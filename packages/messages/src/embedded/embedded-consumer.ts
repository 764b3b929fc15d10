import { setTimeout as pause } from 'node:timers/promises';
import { Fault } from '@gantry/oci';
import { type CloudEvent, type ConsumeOptions, DELIVERY_LIMIT, type Delivery } from '../messages.ts';
import type { MessageFile } from './message-file.ts';
import { DIED, type HeldMessage } from './message-table.ts';
import type { Timing } from './timing.ts';

/** When the file can't be written, it is tried again so much later. */
const RETRY_MS = 1000;

/** Takes messages of one queue while there is room for more, and hands them to one handler. */
export class EmbeddedConsumer {
  readonly queue: string;
  readonly #file: MessageFile;
  readonly #handle: (delivery: Delivery) => Promise<void>;
  readonly #options: Timing & ConsumeOptions;
  readonly #stopping = new AbortController();
  readonly #underWay = new Set<Promise<void>>();
  /** How many more messages may be handled at once. */
  #free: number;
  #taking: Promise<void> | undefined;
  #again = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    file: MessageFile,
    queue: string,
    handle: (delivery: Delivery) => Promise<void>,
    options: Timing & ConsumeOptions,
  ) {
    this.#file = file;
    this.queue = queue;
    this.#handle = handle;
    this.#options = options;
    this.#free = options.prefetch ?? 1;
  }

  /** Whether it has messages that are not settled. */
  get isBusy(): boolean {
    return this.#underWay.size > 0;
  }

  /** There may be messages. */
  wake(): void {
    this.#again = true;
    if (this.#free > 0 && !this.#stopping.signal.aborted) this.#taking ??= this.#take();
  }

  /** Takes no further message, and waits for the handlers. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    clearTimeout(this.#timer);
    await this.#taking;
    await Promise.all(this.#underWay);
  }

  /** To be called only if there is something to do: it ends itself after its first wait. Never rejects. */
  async #take(): Promise<void> {
    while (this.#again && this.#free > 0 && !this.#stopping.signal.aborted) {
      this.#again = false;
      try {
        await this.#takeOnce();
      } catch {
        // Whoever sends is told what is wrong with the file. Here nothing is lost: the messages stay where they are.
        this.#wakeIn(RETRY_MS);
      }
    }
    this.#taking = undefined;
  }

  async #takeOnce(): Promise<void> {
    const { commits, table } = this.#file;
    const { leaseMs, pauseMs, onError } = this.#options;
    const taken = await commits.add(() => {
      if (this.#stopping.signal.aborted) return undefined;
      const now = Date.now();
      return table.take(this.queue, this.#free, now, now + leaseMs, pauseMs(DELIVERY_LIMIT));
    });
    if (taken === undefined) return;
    for (const message of taken.messages) this.#start(message);
    if (taken.nextDue !== undefined) this.#wakeIn(taken.nextDue - Date.now());
    for (const message of taken.parked) {
      onError?.(new Fault('UNAVAILABLE', `the message is parked: ${DIED}`), this.#delivery(message));
    }
  }

  #start(message: HeldMessage): void {
    this.#free--;
    const done = this.#run(message).finally(() => this.#underWay.delete(done));
    this.#underWay.add(done);
  }

  async #run(message: HeldMessage): Promise<void> {
    const { table } = this.#file;
    const { pauseMs, onError } = this.#options;
    const { id, attempt } = message;
    let settle = () => table.acknowledge(id);
    let failure: { error: unknown; delivery: Delivery } | undefined;
    const delivery = this.#delivery(message);
    try {
      await this.#handle(delivery);
    } catch (error) {
      const said = String(error).slice(0, 2000);
      const due = Date.now() + pauseMs(attempt);
      settle = () => {
        if (attempt < DELIVERY_LIMIT) table.putBack(id, due, said);
        else table.park(id, Date.now(), said);
      };
      failure = { error, delivery };
    }
    const settled = this.#settle(settle);
    this.#free++;
    this.wake(); // now, so that the next message is taken by the same commit
    await settled;
    if (failure !== undefined) onError?.(failure.error, failure.delivery);
  }

  /** Goes on until it is written, or the consumer stops: then the message is handed out again at the next start. */
  async #settle(settle: () => void): Promise<void> {
    const { signal } = this.#stopping;
    for (;;) {
      try {
        return await this.#file.commits.add(settle);
      } catch {
        if (signal.aborted) return;
        await pause(RETRY_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  #wakeIn(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#stopping.signal.aborted) return;
    this.#timer = setTimeout(() => this.wake(), Math.max(ms, 1));
  }

  #delivery({ routingKey, event, attempt }: HeldMessage): Delivery {
    return { routingKey, event: JSON.parse(event) as CloudEvent, attempt };
  }
}
