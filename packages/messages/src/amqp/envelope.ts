import { createHash, randomUUID } from 'node:crypto';
import { Fault, quote } from '@gantry/oci';
import type { Message, MessageProperties, Options } from 'amqplib';
import { CloudEvent, type DeadLetter } from '../messages.ts';
import { beginning, REASON_MAX_CHARACTERS, shownOf, TEXT_MAX_CHARACTERS } from '../shown.ts';
import { mustFit } from './names.ts';

/** More is taken for no message of ours, whoever sent it. */
export const MESSAGE_MAX_BYTES = 4 * 1024 * 1024;
const MEDIA_TYPE = 'application/cloudevents+json; charset=utf-8';

/** Headers of ours: what a message that was sent straight to its queue would lose otherwise, and why it was parked. */
const ROUTING_KEY = 'gantry-routing-key';
const PARKED = 'gantry-parked';
/** Longer ones are not of ours. */
const OWN_ID_MAX_CHARACTERS = 100;
const PARKED_AT = 'gantry-parked-at';
const REASON = 'gantry-reason';
const OURS = [ROUTING_KEY, PARKED, PARKED_AT, REASON];
/** Properties of a message that are its own wherever it goes. What expires would not stay parked. */
const KEPT = [
  'contentType',
  'contentEncoding',
  'correlationId',
  'replyTo',
  'timestamp',
  'type',
  'appId',
  'priority',
] as const;

/** Bytes with their properties, as they go to the broker. */
export interface Outgoing {
  readonly content: Buffer;
  readonly options: Options.Publish & { readonly messageId: string };
}

/** What a broker's message is. */
export type Incoming = { readonly routingKey: string } & (
  | { readonly event: CloudEvent }
  | { readonly event?: undefined; readonly reason: string }
);

/**
 * An event in structured mode (CloudEvents AMQP binding, 3.2).
 * @param routingKey of a message that goes straight to its queue; an event's is its type
 * @throws Fault REQUEST_TOO_LARGE, REQUEST_INVALID
 */
export function outgoing(event: CloudEvent, routingKey?: string): Outgoing {
  const content = Buffer.from(JSON.stringify(event));
  if (content.length > MESSAGE_MAX_BYTES) {
    throw new Fault(
      'REQUEST_TOO_LARGE',
      `the message ${quote(event.id)} has ${content.length} bytes, and ${MESSAGE_MAX_BYTES} is the most: send it in parts`,
      { limitBytes: MESSAGE_MAX_BYTES },
    );
  }
  const key = routingKey === undefined ? undefined : mustFit(routingKey, 'the routing key');
  return {
    content,
    options: {
      persistent: true,
      contentType: MEDIA_TYPE,
      type: mustFit(event.type, 'the type of an event'),
      appId: 'gantry',
      messageId: randomUUID(), // of this sending, not of the event: sent again it is another message
      ...(key === undefined ? {} : { headers: { [ROUTING_KEY]: key } }),
    },
  };
}

/** Reads a message, whoever sent it. Never throws. */
export function incoming(message: Message): Incoming {
  const { content } = message;
  const routingKey = routingKeyOf(message);
  if (content.length > MESSAGE_MAX_BYTES) {
    return { routingKey, reason: `it has ${content.length} bytes, and ${MESSAGE_MAX_BYTES} is the most` };
  }
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(content));
  } catch (error) {
    return { routingKey, reason: `it is not JSON: ${limited(said(error))}` };
  }
  const { success, error } = CloudEvent.safeParse(value);
  if (success) return { routingKey, event: value as CloudEvent }; // as it came: an event may carry further attributes
  const wrong = error.issues.map(({ path, message: what }) => `${path.join('.') || 'the whole'}: ${what}`);
  return { routingKey, reason: `it is no CloudEvent: ${limited(wrong.join('; '))}` };
}

/** 1 for a message that is handed out for the first time. Quorum queues count how often it came back. */
export function attemptOf({ fields, properties }: Message): number {
  const count: unknown = header(properties, 'x-delivery-count');
  if (!fields.redelivered || typeof count !== 'number' || !Number.isSafeInteger(count)) return 1;
  return Math.max(count, 0) + 1;
}

/** Names one sending of a message of ours, whichever way it comes again; undefined for messages of others. */
export function sendingOf({ content, properties }: Message): string | undefined {
  const { messageId, appId } = properties as { messageId?: unknown; appId?: unknown };
  if (appId !== 'gantry' || typeof messageId !== 'string') return undefined;
  return `${messageId} ${createHash('sha256').update(content).digest('base64')}`;
}

/** The message as it is parked: as it came, and why. */
export function parked(message: Message, reason: string, now: Date): Outgoing {
  return copy(message, {
    [ROUTING_KEY]: routingKeyOf(message),
    [PARKED]: randomUUID(),
    [PARKED_AT]: now.toISOString(),
    [REASON]: limited(reason),
  });
}

/** A parked message as it is sent again: its attempts are counted anew. */
export function replayed(message: Message): Outgoing {
  return copy(message, { [ROUTING_KEY]: routingKeyOf(message) });
}

/** A parked message, of whichever way it came there: parked by us, or by the broker, which says so in `x-death`. */
export function deadLetter(message: Message): DeadLetter {
  const { properties, content } = message;
  const read = incoming(message);
  const reason =
    text(header(properties, REASON)) ?? (read.event === undefined ? read.reason : reasonOfBroker(message));
  const parkedAt = parkedAtOf(message);
  return {
    id: idOf(message),
    routingKey: beginning(read.routingKey),
    ...(read.event === undefined
      ? { text: beginning(content.subarray(0, 4 * TEXT_MAX_CHARACTERS).toString()) }
      : shownOf(read.event, content.length)),
    ...(reason === undefined ? {} : { reason: limited(reason) }),
    ...(parkedAt === undefined ? {} : { parkedAt }),
  };
}

/** Names a message among the parked ones. Equal ones that the broker itself parked within a second have one name. */
export function idOf(message: Message): string {
  const own = text(header(message.properties, PARKED));
  if (own !== undefined && own.length <= OWN_ID_MAX_CHARACTERS) return own;
  const { messageId } = message.properties as { messageId?: unknown };
  return createHash('sha256')
    .update(`${String(messageId)} ${parkedAtOf(message) ?? ''} ${routingKeyOf(message)}\n`)
    .update(message.content)
    .digest('hex')
    .slice(0, 32);
}

function copy({ content, properties }: Message, headers: Record<string, string>): Outgoing {
  const kept = KEPT.map((name) => [name, properties[name] as unknown] as const);
  const { messageId } = properties as { messageId?: unknown };
  return {
    content,
    options: {
      ...Object.fromEntries(kept.filter(([, value]) => value !== undefined)),
      persistent: true,
      messageId: text(messageId) ?? randomUUID(),
      headers: { ...foreignHeaders(properties), ...headers },
    },
  };
}

/** Name further queues for the broker to route to: on the default exchange any queue of the vhost. */
const ROUTING_HEADERS = ['CC', 'BCC'];

/** What others gave a message: nothing of ours, and nothing that the broker counts or routes by. */
function foreignHeaders({ headers }: MessageProperties): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(headers ?? {}).filter(
      ([name]) =>
        !OURS.includes(name) &&
        !ROUTING_HEADERS.includes(name) &&
        !/^x-(death|first-death-|last-death-|delivery-count|acquired-count)/.test(name),
    ),
  );
}

function routingKeyOf({ fields, properties }: Message): string {
  const own = text(header(properties, ROUTING_KEY));
  if (own !== undefined) return own;
  const [first] = deaths(properties);
  return text(first?.routingKey) ?? fields.routingKey;
}

function reasonOfBroker({ properties }: Message): string | undefined {
  const [first] = deaths(properties);
  if (first === undefined) return undefined;
  const reasons: Record<string, string> = {
    delivery_limit: 'it was handed out as often as the queue allows, and never acknowledged',
    rejected: 'a consumer rejected it',
    expired: 'its time was over',
    maxlen: 'the queue was full',
  };
  const reason = text(first.reason) ?? 'unknown';
  return Object.hasOwn(reasons, reason) ? reasons[reason] : `parked by the broker: ${limited(reason)}`;
}

/** When a message was parked, as far as it says so. */
export function parkedAtOf({ properties }: Message): string | undefined {
  const own = text(header(properties, PARKED_AT));
  if (own !== undefined && !Number.isNaN(Date.parse(own))) return new Date(own).toISOString();
  const [first] = deaths(properties);
  const seconds = first?.seconds;
  if (typeof seconds !== 'number' || !(seconds >= 0 && seconds < 8.64e12)) return undefined;
  return new Date(seconds * 1000).toISOString();
}

/** `x-death`, the latest first (https://www.rabbitmq.com/docs/dlx#effects), read with care: anybody can send headers. */
function deaths(properties: MessageProperties): { routingKey: unknown; reason: unknown; seconds: unknown }[] {
  const list: unknown = header(properties, 'x-death');
  if (!Array.isArray(list)) return [];
  return list.slice(0, 1).map((death: unknown) => {
    const { reason, time, 'routing-keys': keys } = asObject(death);
    return {
      reason,
      seconds: asObject(time)['value'],
      routingKey: Array.isArray(keys) ? keys[0] : undefined,
    };
  });
}

function asObject(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function header({ headers }: MessageProperties, name: string): unknown {
  return headers !== undefined && Object.hasOwn(headers, name) ? (headers[name] as unknown) : undefined;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function limited(value: string): string {
  return beginning(value, REASON_MAX_CHARACTERS);
}

function said(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
