import { Fault } from '@gantry/oci';
import type {
  CloudEvent,
  ConsumeOptions,
  Consumer,
  DeadLetter,
  Delivery,
  ListenOptions,
  Messages,
} from '../messages.ts';
import { EmbeddedConsumer } from './embedded-consumer.ts';
import { beginning, LISTED_MAX, REASON_MAX_CHARACTERS, shownOf } from '../shown.ts';
import { messagesFault } from './failures.ts';
import { Listeners } from './listeners.ts';
import type { MessageFile } from './message-file.ts';
import type { ParkedMessage } from './message-table.ts';
import type { Timing } from './timing.ts';

/** The queues of an open file. Events reach the listeners of this opener of it alone: they are in no file. */
export class EmbeddedMessages implements Messages {
  readonly #file: MessageFile;
  readonly #timing: Timing;
  readonly #consumers = new Set<EmbeddedConsumer>();
  readonly #listeners = new Listeners();
  #timers: NodeJS.Timeout[] = [];
  #closing: Promise<void> | undefined;

  constructor(file: MessageFile, timing: Timing) {
    this.#file = file;
    this.#timing = timing;
  }

  async send(queue: string, routingKey: string, event: CloudEvent): Promise<void> {
    this.#mustBeOpen();
    const { commits, table } = this.#file;
    const json = JSON.stringify(event);
    await commits.add(() => table.add(queue, routingKey, json));
    this.#wake(queue);
  }

  async consume(
    queue: string,
    handle: (delivery: Delivery) => Promise<void>,
    options: ConsumeOptions = {},
  ): Promise<Consumer> {
    this.#mustBeOpen();
    const consumer = new EmbeddedConsumer(this.#file, queue, handle, { ...this.#timing, ...options });
    if (this.#consumers.size === 0) this.#startTimers();
    this.#consumers.add(consumer);
    consumer.wake();
    return {
      [Symbol.asyncDispose]: async () => {
        await consumer.stop();
        this.#consumers.delete(consumer);
        if (this.#consumers.size === 0) this.#stopTimers();
      },
    };
  }

  async publish(event: CloudEvent): Promise<void> {
    this.#mustBeOpen();
    this.#listeners.tell(event);
  }

  async listen(
    types: readonly string[],
    handle: (event: CloudEvent) => void,
    options: ListenOptions = {},
  ): Promise<Consumer> {
    this.#mustBeOpen();
    const stop = this.#listeners.add(types, handle, options);
    return { [Symbol.asyncDispose]: async () => stop() };
  }

  async deadLetters(
    queue: string,
    limit: number,
    after?: Pick<DeadLetter, 'id' | 'parkedAt'>,
  ): Promise<readonly DeadLetter[]> {
    this.#mustBeOpen();
    try {
      const behind = {
        parkedAt: Date.parse(after?.parkedAt ?? '') || 0,
        id: after === undefined ? 0 : (rowId(after.id)[0] ?? 0),
      };
      // One message after the other is read and shortened: they may be large.
      return Array.from(this.#file.table.parked(queue, Math.min(limit, LISTED_MAX), behind), deadLetter);
    } catch (error) {
      throw messagesFault(error, this.#file.file);
    }
  }

  async replay(queue: string, ids?: readonly string[]): Promise<number> {
    this.#mustBeOpen();
    const { commits, table } = this.#file;
    const count = await commits.add(() => table.replay(queue, ids?.flatMap(rowId)));
    this.#wake(queue);
    return count;
  }

  async discard(queue: string, ids: readonly string[]): Promise<number> {
    this.#mustBeOpen();
    const { commits, table } = this.#file;
    return commits.add(() => table.discard(queue, ids.flatMap(rowId)));
  }

  async depth(queue: string): Promise<{ ready: number; unacknowledged: number; dead: number }> {
    this.#mustBeOpen();
    try {
      return this.#file.table.depth(queue);
    } catch (error) {
      throw messagesFault(error, this.#file.file);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#listeners.clear();
    await Promise.all([...this.#consumers].map((consumer) => consumer.stop()));
    this.#stopTimers();
    await this.#file.close();
  }

  /** Tells the consumers of a queue, or all, that there may be something for them. */
  #wake(queue?: string): void {
    for (const consumer of this.#consumers) {
      if (queue === undefined || consumer.queue === queue) consumer.wake();
    }
  }

  #startTimers(): void {
    const { leaseMs, pollMs } = this.#timing;
    const look = () => {
      if (this.#file.hasChanged()) this.#wake();
    };
    this.#timers = [setInterval(look, pollMs), setInterval(() => void this.#renew(), leaseMs / 3)];
  }

  #stopTimers(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers = [];
  }

  /** Keeps the leases of what is being handled, and looks for leases of others that are over. */
  async #renew(): Promise<void> {
    const { commits, table } = this.#file;
    if ([...this.#consumers].some((consumer) => consumer.isBusy)) {
      // If that fails, for instance on a full disk, the next time comes before the lease is over.
      await commits.add(() => table.renew(Date.now() + this.#timing.leaseMs)).catch(() => undefined);
    }
    this.#wake();
  }

  #mustBeOpen(): void {
    if (this.#closing === undefined) return;
    const { file } = this.#file;
    throw new Fault('UNAVAILABLE', `the message queues ${file} are closed`, { file });
  }
}

function deadLetter({ id, routingKey, event, error, parkedAt }: ParkedMessage): DeadLetter {
  return {
    id: String(id),
    routingKey,
    ...shownOf(JSON.parse(event) as CloudEvent, Buffer.byteLength(event)),
    ...(error === null ? {} : { reason: beginning(error, REASON_MAX_CHARACTERS) }),
    ...(parkedAt === null ? {} : { parkedAt: new Date(parkedAt).toISOString() }),
  };
}

/** The row that an id names; an id of another form names none. */
function rowId(id: string): number[] {
  return /^[1-9][0-9]{0,14}$/.test(id) ? [Number(id)] : [];
}
