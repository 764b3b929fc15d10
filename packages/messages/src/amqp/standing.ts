import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { Fault } from '@gantry/oci';
import type { Channel, ChannelModel } from 'amqplib';
import type { AmqpConnection } from './connection.ts';
import { within } from './deadline.ts';
import type { Timing } from './timing.ts';

/** How long a channel has to say good-bye. */
const CLOSE_MS = 5_000;

export interface StandingOptions {
  readonly connection: AmqpConnection;
  readonly timing: Timing;
  /** Does on a new channel what it is for. */
  readonly setUp: (channel: Channel, model: ChannelModel) => Promise<void>;
  /** Told why a channel could not be set up. */
  readonly onTrouble: ((fault: Fault) => void) | undefined;
}

/** Something that stands on a channel of its own, and is set up anew whenever its channel or connection ends. */
export class Standing {
  readonly #options: StandingOptions;
  readonly #stopping = new AbortController();
  readonly #first = Promise.withResolvers<void>();
  readonly #lasting: Promise<void>;
  #channel: Channel | undefined;

  constructor(options: StandingOptions) {
    this.#options = options;
    this.#lasting = this.#last();
    this.#first.promise.catch(() => undefined);
  }

  /**
   * Resolves once it is set up; at once while there is no connection, as it will be set up when there is one.
   * @throws Fault CONFIGURATION_INVALID, UNAVAILABLE; then it is over
   */
  async started(): Promise<void> {
    const { connection, timing } = this.#options;
    try {
      if (connection.isUp) await within(performance.now() + timing.deadlineMs, this.#first.promise);
    } catch (error) {
      await this.stop();
      throw error instanceof Fault ? error : connection.unavailable(error);
    }
  }

  /** Sets up nothing any more. The channel is still open, until `end`. */
  halt(): void {
    this.#stopping.abort();
  }

  /** Closes the channel, so that all that was said on it has arrived. */
  async stop(): Promise<void> {
    this.halt();
    const channel = this.#channel;
    if (channel !== undefined) {
      await within(performance.now() + CLOSE_MS, channel.close()).catch(() => undefined);
    }
    await this.#lasting;
  }

  async #last(): Promise<void> {
    const { connection, timing, onTrouble } = this.#options;
    const { signal } = this.#stopping;
    const stopped = once(signal, 'abort').then(() => undefined);
    let failures = 0;
    while (!signal.aborted) {
      try {
        const model = await Promise.race([connection.model(performance.now() + timing.deadlineMs), stopped]);
        if (model === undefined) return;
        await this.#once(model, () => (failures = 0));
      } catch (error) {
        const fault = connection.fault(error);
        if (fault.code === 'CONFIGURATION_INVALID') this.#first.reject(fault);
        if (connection.isUp && !signal.aborted) onTrouble?.(fault);
      }
      failures++;
      const delayMs = Math.min(timing.reconnectMs * 2 ** (failures - 1), timing.longestReconnectMs);
      await pause(delayMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** One channel, from its beginning to its end. */
  async #once(model: ChannelModel, onSetUp: () => void): Promise<void> {
    const channel = await model.createChannel();
    let why: unknown;
    const closed = new Promise<void>((resolve) => channel.once('close', resolve));
    channel.on('error', (error) => (why = error)); // 'close' follows
    try {
      if (this.#stopping.signal.aborted) return;
      this.#channel = channel;
      await this.#options.setUp(channel, model);
      onSetUp();
      this.#first.resolve();
      await closed;
      if (why !== undefined) throw why;
    } finally {
      this.#channel = undefined;
      await within(performance.now() + CLOSE_MS, channel.close()).catch(() => undefined);
    }
  }
}
