import { Duplex } from 'node:stream';
import { Fault } from '@gantry/oci';
import { type ChannelModel, connect, type RecoveringChannelModel } from 'amqplib';
import type { OpenOptions } from '../messages.ts';
import type { Address } from './address.ts';
import { within } from './deadline.ts';
import { amqpFault } from './failures.ts';
import type { Timing } from './timing.ts';
import type { TlsMaterial } from './tls.ts';

/** How long a connection has to say good-bye before it is cut. */
const CLOSE_MS = 5_000;

/** A connection that is made anew whenever it ends, until it is closed. */
export class AmqpConnection {
  readonly address: Address;
  readonly #timing: Timing;
  readonly #options: OpenOptions;
  readonly #recovering: Promise<RecoveringChannelModel>;
  #model: ChannelModel | undefined;
  /** Why there is none now. */
  #fault: Fault | undefined;
  #blocked: string | undefined;
  #wasUp = false;
  #wasTried = false;
  #closing: Promise<void> | undefined;
  readonly #waiting = new Set<() => void>();

  /** Begins to connect. @param name what the broker's operator sees it under */
  constructor(address: Address, tls: TlsMaterial, timing: Timing, name: string, options: OpenOptions) {
    this.address = address;
    this.#timing = timing;
    this.#options = options;
    this.#recovering = this.#start(name, tls);
  }

  async #start(name: string, tls: TlsMaterial): Promise<RecoveringChannelModel> {
    const { heartbeatSeconds, deadlineMs, reconnectMs, longestReconnectMs } = this.#timing;
    const recovering = await connect(
      { ...this.address.options, heartbeat: heartbeatSeconds },
      {
        ...tls,
        noDelay: true,
        keepAlive: true,
        timeout: deadlineMs, // of silence while it is being opened
        clientProperties: { connection_name: name },
        recovery: {
          initialDelay: reconnectMs,
          maxDelay: longestReconnectMs,
          jitter: 1 / 3,
          waitForConnect: false,
          setup: async (model: ChannelModel) => {
            // Before amqplib itself listens: an error that nobody listens to would end the process.
            model.on('error', () => undefined);
          },
        },
      },
    );
    recovering.on('error', () => undefined); // 'disconnect' follows
    recovering.on('connect', (model) => this.#up(model));
    recovering.on('disconnect', (error) => this.#down(error));
    recovering.on('connect-failed', (error) => this.#down(error));
    recovering.on('blocked', (reason) => (this.#blocked = reason));
    recovering.on('unblocked', () => (this.#blocked = undefined));
    return recovering;
  }

  get isUp(): boolean {
    return this.#model !== undefined;
  }

  /**
   * Waits until the first connection is there or the time is over, which is no error.
   * @throws Fault CONFIGURATION_INVALID if it is refused for a reason that will not pass
   */
  async firstAttempt(): Promise<void> {
    if (this.#wasTried) return;
    const done = () => this.#model !== undefined || this.#fault?.code === 'CONFIGURATION_INVALID';
    await within(performance.now() + this.#timing.openMs, this.#until(done)).catch(() => undefined);
    if (this.#model === undefined && this.#fault?.code === 'CONFIGURATION_INVALID') throw this.#fault;
    this.#wasTried = true;
  }

  /**
   * The connection, as soon as there is one.
   * @param deadline by performance.now()
   * @throws Fault UNAVAILABLE
   */
  async model(deadline: number): Promise<ChannelModel> {
    this.#mustBeOpen();
    if (this.#model !== undefined) return this.#model;
    try {
      await within(
        deadline,
        this.#until(() => this.#model !== undefined),
      );
    } catch (error) {
      throw this.unavailable(error);
    }
    this.#mustBeOpen();
    return this.#model ?? this.model(deadline);
  }

  /** The fault of a call whose time is over. @param last what went wrong at its last attempt */
  unavailable(last: unknown): Fault {
    const { shown } = this.address;
    if (this.#blocked !== undefined) {
      return new Fault('UNAVAILABLE', `RabbitMQ at ${shown} takes no messages for now: ${this.#blocked}`, {
        url: shown,
      });
    }
    const fault = this.#model === undefined ? (this.#fault ?? this.fault(last)) : this.fault(last);
    return new Fault('UNAVAILABLE', fault.message, { ...fault.details }, { cause: last });
  }

  fault(error: unknown): Fault {
    return amqpFault(error, this.address);
  }

  /** Lets go of the connection, for good. Its channels are to be closed before. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const model = this.#model;
    this.#model = undefined;
    this.#wake();
    const recovering = await this.#recovering;
    await within(performance.now() + CLOSE_MS, recovering.close()).catch(() => undefined);
    if (model !== undefined) cut(model);
  }

  #up(model: ChannelModel): void {
    if (this.#closing !== undefined) return;
    this.#model = model;
    this.#fault = undefined;
    this.#blocked = undefined;
    if (this.#wasUp) this.#options.onRecovery?.();
    this.#wasUp = true;
    this.#wake();
  }

  #down(error: unknown): void {
    const model = this.#model;
    this.#model = undefined;
    this.#blocked = undefined;
    if (model !== undefined) cut(model); // one that fell silent is still half open
    if (this.#closing !== undefined) return;
    const fault = this.fault(error);
    const isNews = this.#fault?.message !== fault.message;
    this.#fault = fault;
    if (isNews) this.#options.onTrouble?.(fault);
    this.#wake();
  }

  #until(isSo: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!isSo() && this.#closing === undefined) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }

  #wake(): void {
    for (const look of this.#waiting) look();
  }

  #mustBeOpen(): void {
    if (this.#closing !== undefined) throw closedFault(this.address);
  }
}

export function closedFault({ shown }: Address): Fault {
  return new Fault('UNAVAILABLE', `the messages of ${shown} are closed`, { url: shown });
}

/** Ends the socket itself. amqplib only says that it has nothing more to send, which a dead peer never hears. */
function cut({ connection }: ChannelModel): void {
  if ('stream' in connection && connection.stream instanceof Duplex) connection.stream.destroy();
}
