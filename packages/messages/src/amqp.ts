import { AmqpMessages } from './amqp/amqp-messages.ts';
import { parseAddress } from './amqp/address.ts';
import { AmqpConnection } from './amqp/connection.ts';
import { namesOf } from './amqp/names.ts';
import { DEFAULT_TIMING } from './amqp/timing.ts';
import { readTlsFiles, type TlsFiles } from './amqp/tls.ts';
import type { Messages, OpenOptions } from './messages.ts';

/** A RabbitMQ (3.10 or newer), as `messages.amqp` in the configuration. */
export interface AmqpConfiguration {
  /** `amqp://USER:PASSWORD@HOST:PORT/VHOST`; `amqps://` for TLS. */
  readonly url: string;
  /** The topic exchange. What belongs to it is named after it: the queue `gantry.sync` is EXCHANGE.sync. */
  readonly exchange: string;
  readonly tls?: TlsFiles;
}

/**
 * Queues (quorum queues) and events at a RabbitMQ, in one vhost, which any number of processes may share. The exchange
 * and the queues are made where they are absent.
 *
 * A broker that can not be reached is no error here: calls wait for it for a while and then throw UNAVAILABLE, consumers
 * begin when it is there. A message that was handed out and whose acknowledgement has not arrived when the connection
 * ends comes again; while its handler still runs in this process, that one stands for both.
 *
 * `unacknowledged` of `depth` counts this process's own: AMQP tells nothing of others'. While parked messages are being
 * looked at, `dead` can be smaller than it is.
 * @throws Fault CONFIGURATION_INVALID for a login, a vhost or a certificate that is refused, and for an exchange or queue
 * of another kind that is there already
 */
export async function openAmqpMessages(
  { url, exchange, tls = {} }: AmqpConfiguration,
  options: OpenOptions = {},
): Promise<Messages> {
  const address = parseAddress(url);
  const names = namesOf(exchange);
  const material = await readTlsFiles(tls);
  const timing = { ...DEFAULT_TIMING, ...options.timing };
  const connection = (purpose: string) =>
    new AmqpConnection(address, material, timing, `${exchange} ${purpose} ${process.pid}`, options);
  const publishing = connection('publishes');
  const messages = new AmqpMessages({
    publishing,
    connectForConsuming: () => connection('consumes'),
    names,
    timing,
    options,
  });
  try {
    await publishing.firstAttempt();
    await messages.prepare();
  } catch (error) {
    await messages[Symbol.asyncDispose]();
    throw error;
  }
  return messages;
}
