import type { Message } from 'amqplib';
import * as fc from 'fast-check';
import { event } from '../contract/deliveries.ts';
import type { CloudEvent } from '../messages.ts';
import {
  attemptOf,
  deadLetter,
  idOf,
  incoming,
  MESSAGE_MAX_BYTES,
  type Outgoing,
  outgoing,
  parked,
  replayed,
  sendingOf,
} from './envelope.ts';

interface Handed {
  readonly content: Buffer;
  readonly routingKey: string;
  readonly redelivered?: boolean;
  readonly properties?: object;
}

/** A message as amqplib hands it out. */
function message({ content, routingKey, redelivered = false, properties = {} }: Handed): Message {
  return {
    content,
    fields: { deliveryTag: 1, redelivered, exchange: '', routingKey },
    properties: { headers: {}, ...properties } as Message['properties'],
  };
}

/** As it comes when it was sent into the queue `q`. */
const sent = ({ content, options }: Outgoing, more: Partial<Handed> = {}) =>
  message({ content, routingKey: 'q', properties: options, ...more });

const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 60 });
const key = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });
const events: fc.Arbitrary<CloudEvent> = fc
  .record({ id: text, source: text, type: key, subject: text, data: fc.jsonValue() })
  .map((parts) => JSON.parse(JSON.stringify({ specversion: '1.0', ...parts })) as CloudEvent);
/** What headers of AMQP can be, and what nobody should send. */
const headers = fc.dictionary(
  fc.oneof(
    fc.constantFrom('x-death', 'x-delivery-count', 'gantry-routing-key', 'gantry-parked-at', 'gantry-reason'),
    fc.string({ maxLength: 10 }),
  ),
  fc.oneof(
    fc.jsonValue(),
    fc.array(fc.record({ time: fc.jsonValue(), reason: fc.jsonValue(), 'routing-keys': fc.jsonValue() })),
  ),
);
/** Headers that are neither ours nor the broker's. */
const ofOthers = (all: object = {}) =>
  Object.entries(all).filter(
    ([name]) => !/^(gantry-(routing-key|parked|parked-at|reason)|x-d.+)$/.test(name),
  );
const caught = (call: () => unknown) => {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error('it was taken');
};
const NOW = new Date('2026-11-21T18:00:00.123Z');

test('an event arrives as it was sent, with its routing key, whatever it holds', () => {
  fc.assert(
    fc.property(events, key, (given, routingKey) => {
      expect(incoming(sent(outgoing(given, routingKey)))).toEqual({ routingKey, event: given });
    }),
  );
});

test('an event that is published has its type as routing key, and nothing of a queue', () => {
  fc.assert(
    fc.property(events, (given) => {
      const { content, options } = outgoing(given);
      expect(options.headers).toBeUndefined();
      const come = message({ content, routingKey: given.type, properties: options });
      expect(incoming(come)).toEqual({ routingKey: given.type, event: given });
    }),
  );
});

test('a parked message tells why and since when, and is replayed as it was, its attempts counted anew', () => {
  fc.assert(
    fc.property(events, key, text, headers, (given, routingKey, reason, foreign) => {
      const first = outgoing(given, routingKey);
      const options = { ...first.options, headers: { ...foreign, ...first.options.headers } };
      const came = sent({ ...first, options }, { redelivered: true });
      const inDead = sent(parked(came, reason, NOW));
      expect(deadLetter(inDead)).toEqual({
        id: idOf(inDead),
        routingKey,
        event: given,
        reason,
        parkedAt: NOW.toISOString(),
      });
      const again = sent(replayed(inDead));
      expect(incoming(again)).toEqual({ routingKey, event: given });
      expect(attemptOf(again)).toBe(1);
      expect(ofOthers(again.properties.headers)).toEqual(ofOthers(foreign));
      const names = Object.keys(again.properties.headers ?? {});
      expect(names.filter((name) => /^(gantry-parked|gantry-reason|x-death|x-delivery)/.test(name))).toEqual(
        [],
      );
    }),
  );
});

test('headers that a broker routes by do not come along where a message is parked or replayed', () => {
  const given = { CC: ['gantry.promote'], BCC: ['gantry.sync'], 'x-build': '1' };
  const come = message({ content: Buffer.from('{}'), routingKey: 'q', properties: { headers: given } });
  const inDead = parked(come, 'no event', NOW);
  expect(ofOthers(inDead.options.headers)).toEqual([['x-build', '1']]);
  const old = sent({ ...inDead, options: { ...inDead.options, headers: given } });
  expect(ofOthers(replayed(old).options.headers)).toEqual([['x-build', '1']]);
});

test('whatever bytes and headers come, they are read without a failure and within bounds', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 6000 }).map((array) => Buffer.from(array)),
    fc.json().map((json) => Buffer.from(json)),
  );
  fc.assert(
    fc.property(bytes, headers, fc.boolean(), (content, given, redelivered) => {
      const come = message({ content, routingKey: 'command.x', redelivered, properties: { headers: given } });
      const read = incoming(come);
      expect(read.event === undefined ? read.reason : 'it is not JSON: .').toMatch(
        /^it (is not JSON|is no CloudEvent): ./,
      );
      expect(attemptOf(come)).toBeGreaterThanOrEqual(1);
      const letter = deadLetter(come);
      expect(letter.text?.length ?? 0).toBeLessThanOrEqual(1000);
      const { parkedAt = NOW.toISOString() } = letter;
      expect(new Date(parkedAt).toISOString()).toBe(parkedAt);
      expect(idOf(come)).toBe(letter.id);
      expect(sendingOf(come)).toBeUndefined();
    }),
    { numRuns: 300 },
  );
});

test('the attempt is what a quorum queue counts, and nothing that a sender claims', () => {
  const { content } = outgoing(event('1'));
  const come = (redelivered: boolean, count: unknown) =>
    attemptOf(
      message({
        content,
        routingKey: 'q',
        redelivered,
        properties: { headers: { 'x-delivery-count': count } },
      }),
    );
  expect(come(true, 4)).toBe(5);
  expect(come(true, undefined)).toBe(1);
  expect(come(true, 'many')).toBe(1);
  expect(come(true, -7)).toBe(1);
  expect(come(false, 4)).toBe(1);
});

test('what the broker has parked tells so by x-death', () => {
  const death = { reason: 'delivery_limit', queue: 'q', time: { '!': 'timestamp', value: 1_795_284_098 } };
  const come = message({
    ...outgoing(event('1')),
    routingKey: 'q',
    properties: { headers: { 'x-death': [{ ...death, 'routing-keys': ['command.sync'] }] } },
  });
  expect(deadLetter(come)).toMatchObject({
    routingKey: 'command.sync',
    parkedAt: '2026-11-21T18:01:38.000Z',
    reason: expect.stringContaining('as often as the queue allows') as string,
  });
});

test('two sendings of one event are told apart, and one sending that comes again is the same', () => {
  const [one, other] = [outgoing(event('1')), outgoing(event('1'))];
  expect(sendingOf(sent(one))).toBe(sendingOf(sent(one, { redelivered: true })));
  expect(sendingOf(sent(one))).not.toBe(sendingOf(sent(other)));
});

test('what is too large or has too long a name is refused before it is sent', () => {
  const tooLarge = {
    code: 'REQUEST_TOO_LARGE',
    message: expect.stringContaining(`${MESSAGE_MAX_BYTES}`) as string,
  };
  expect(caught(() => outgoing({ ...event('1'), data: 'x'.repeat(MESSAGE_MAX_BYTES) }))).toMatchObject(
    tooLarge,
  );
  expect(caught(() => outgoing(event('1', 'ü'.repeat(128))))).toMatchObject({ code: 'REQUEST_INVALID' });
  expect(caught(() => outgoing(event('1'), 'ü'.repeat(128)))).toMatchObject({ code: 'REQUEST_INVALID' });
  const atLimit = Buffer.alloc(MESSAGE_MAX_BYTES + 1, 0x20);
  expect(incoming(message({ content: atLimit, routingKey: 'q' }))).toMatchObject({
    reason: expect.stringContaining('is the most') as string,
  });
});
