import { Fault } from '@gantry/oci';

/** What RabbitMQ takes for a name or a routing key (a short string of AMQP 0-9-1, 4.2.5.3). */
const NAME_MAX_BYTES = 255;

/** The names that belong to one exchange: two Gantries can share a vhost when their exchanges differ. */
export interface Names {
  /** The topic exchange: events leave by it, commands come in by it. */
  readonly exchange: string;
  /** The direct exchange that routes messages that are parked, by the name of their queue. */
  readonly deadLetterExchange: string;
  /** The name at the broker: `gantry.sync` is `EXCHANGE.sync`. */
  queue(queue: string): string;
  /** Where its messages are parked: `EXCHANGE.dead` for commands, `EXCHANGE.sync.dead` for `gantry.sync`. */
  deadQueue(queue: string): string;
  /** Routing keys of the topic exchange that lead into it. Only commands come from outside; other work is sent straight. */
  bindings(queue: string): readonly string[];
}

/** @param exchange @throws Fault CONFIGURATION_INVALID */
export function namesOf(exchange: string): Names {
  if (!/^[\w.:/-]{1,100}$/.test(exchange) || exchange.startsWith('amq.')) {
    throw new Fault(
      'CONFIGURATION_INVALID',
      `messages.amqp.exchange: ${JSON.stringify(exchange.slice(0, 200))} is no name for Gantry's exchange: ` +
        'take up to 100 letters, digits and - _ . : /, and not the broker\'s own "amq."',
      { key: 'messages.amqp.exchange' },
    );
  }
  return {
    exchange,
    deadLetterExchange: `${exchange}.dead`,
    queue: (queue) => inBounds(`${exchange}.${ownPart(queue)}`),
    deadQueue: (queue) =>
      inBounds(ownPart(queue) === 'commands' ? `${exchange}.dead` : `${exchange}.${ownPart(queue)}.dead`),
    bindings: (queue) => (ownPart(queue) === 'commands' ? ['command.*'] : []),
  };
}

/** The name without the `gantry.` that all queues begin with when there is but one exchange. */
function ownPart(queue: string): string {
  return queue.replace(/^gantry\./, '');
}

function inBounds(name: string): string {
  return mustFit(name, 'the name of a queue');
}

/** @returns the name @throws Fault REQUEST_INVALID if it is too long for AMQP */
export function mustFit(name: string, what: string): string {
  if (Buffer.byteLength(name) <= NAME_MAX_BYTES) return name;
  throw new Fault(
    'REQUEST_INVALID',
    `${what} has more than ${NAME_MAX_BYTES} bytes: ${JSON.stringify(name.slice(0, 80))}…`,
    { limitBytes: NAME_MAX_BYTES },
  );
}
