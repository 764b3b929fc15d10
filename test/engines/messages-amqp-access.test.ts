/** Who may do what at the broker, and how it is said what is wrong. */
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { DELIVERY_LIMIT, openMessages } from '@gantry/messages';
import { Fault } from '@gantry/oci';
import { collector, event, listener } from '../../packages/messages/src/contract/deliveries.ts';
import { plainClient } from '../../packages/messages/src/contract/plain-client.ts';
import { type Authority, makeAuthority } from '../servers/certificates.ts';
import { needs } from '../servers/parts.ts';
import {
  RABBITMQ_ACCOUNT,
  RABBITMQ_NARROW,
  RABBITMQ_STRANGER,
  type Rabbitmq,
  startRabbitmq,
} from '../servers/rabbitmq.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';

let authority: Authority;
let broker: Rabbitmq;

const real = needs('rabbitmq').showing(() => [broker]);
real.beforeAll(async () => {
  authority = makeAuthority('Gantry test');
  broker = await startRabbitmq({ tls: authority });
}, 120_000);
real.afterAll(async () => {
  await broker?.[Symbol.asyncDispose]();
}, 30_000);

/** An exchange of a test's own: the queues are named after it. */
const newExchange = () => `test-${randomUUID().slice(0, 8)}`;
const soon = { timing: { pauseMs: () => 20 } };
const open = (exchange: string, options = {}) =>
  openMessages({ amqp: { url: broker.url(), exchange } }, { ...soon, ...options });

real.test('the rights that are asked for are enough', async () => {
  const { username, password } = RABBITMQ_NARROW;
  const url = `amqp://${username}:${password}@${broker.host}/gantry`;
  await using messages = await openMessages({ amqp: { url, exchange: 'narrow' } }, soon);
  const heard = listener();
  await messages.listen(['#'], heard.handle);
  await messages.publish(event('e', 'sync.done'));
  await heard.has('e');
  const parked = Promise.withResolvers<void>();
  await messages.send('gantry.commands', 'command.sync', event('c'));
  const failing = await messages.consume('gantry.commands', () => Promise.reject(new Error('no')), {
    onError: (_error, { attempt }) => void (attempt === DELIVERY_LIMIT && parked.resolve()),
  });
  await parked.promise;
  await failing[Symbol.asyncDispose]();
  expect((await messages.deadLetters('gantry.commands', 10)).length).toBe(1);
  expect(await messages.replay('gantry.commands')).toBe(1);
  const seen = collector(1);
  await messages.consume('gantry.commands', seen.handle);
  expect(await seen.all).toEqual([{ routingKey: 'command.sync', event: event('c'), attempt: 1 }]);
});

describe('What is configured wrongly', () => {
  const password = encodeURIComponent(RABBITMQ_ACCOUNT.password);
  const refused = async (amqp: { url: string; exchange?: string; tls?: object }, ...named: string[]) => {
    const opened = openMessages({ amqp: { exchange: newExchange(), ...amqp } });
    const error = await opened.catch((thrown: unknown) => thrown);
    if (!(error instanceof Fault)) throw new Error('it was taken');
    expect(error.code).toBe('CONFIGURATION_INVALID');
    for (const name of named) expect(error.message).toContain(name);
    const shown = JSON.stringify([error.message, error.details, String(error.cause), error.stack]);
    for (const secret of [RABBITMQ_ACCOUNT.password, password, 'hush']) expect(shown).not.toContain(secret);
  };

  real.test(
    'a login, a vhost or a right that is refused is said by name, and no password with it',
    async () => {
      const { host } = broker;
      await refused(
        { url: `amqp://gantry:hush@${host}/gantry` },
        'messages.amqp.url',
        host,
        'login of "gantry"',
      );
      await refused(
        { url: `amqp://gantry:${password}@${host}/nowhere` },
        host,
        '"gantry" into the vhost "nowhere"',
      );
      await refused({ url: `amqp://gantry:${password}@${host}/other` }, '"gantry" into the vhost "other"');
      const { username, password: known } = RABBITMQ_STRANGER;
      await refused(
        { url: `amqp://${username}:${known}@${host}/gantry` },
        '"stranger" lacks a right',
        'exchange',
      );
    },
  );

  real.test(
    'an address that can not be read, or an exchange that can not be, is refused without a look at the broker',
    async () => {
      await refused({ url: 'http://u:hush@h/' }, 'messages.amqp.url', 'amqp://');
      await refused({ url: 'amqp://u:hush%@h/' }, '%25');
      await refused({ url: 'amqp://u:hush@h/a/b' }, '%2F');
      await refused({ url: 'amqp://u:p@h/?password=hush' }, '?');
      await refused({ url: broker.url(), exchange: 'amq.topic' }, 'messages.amqp.exchange', 'amq.');
      await refused({ url: broker.url(), exchange: '' }, 'messages.amqp.exchange');
    },
  );

  real.test('an exchange or a queue of another kind that is there already is told apart', async () => {
    await using client = await plainClient(broker.url());
    const exchange = newExchange();
    await client.channel.assertExchange(exchange, 'fanout');
    await refused({ url: broker.url(), exchange }, "'type'", exchange, "received 'topic'", "'fanout'");
    const another = newExchange();
    await client.channel.assertQueue(`${another}.q`);
    await using messages = await open(another);
    const told = {
      code: 'CONFIGURATION_INVALID',
      message: expect.stringMatching(
        /inequivalent arg '.+' for queue 'test-\w+\.q'.*Delete what is there/,
      ) as string,
    };
    await expect(messages.consume('q', async () => undefined)).rejects.toMatchObject(told);
    await expect(messages.send('q', 'key', event('1'))).rejects.toMatchObject(told);
    await expect(messages.depth('q')).rejects.toMatchObject(told);
    await expect(messages.deadLetters('q', 1)).rejects.toMatchObject(told);
    await messages.send('other', 'key', event('1')); // which does no harm to the rest
    expect((await messages.depth('other')).ready).toBe(1);
  });

  real.test('a message that is too large to be sent is refused before it is', async () => {
    await using messages = await open(newExchange());
    const large = { ...event('large'), data: 'x'.repeat(4 * 2 ** 20) };
    await expect(messages.send('q', 'key', large)).rejects.toMatchObject({ code: 'REQUEST_TOO_LARGE' });
    await expect(messages.send('q', 'k'.repeat(256), event('1'))).rejects.toMatchObject({
      code: 'REQUEST_INVALID',
    });
    expect((await messages.depth('q')).ready).toBe(0);
  });
});

real.test('with TLS both sides show who they are, and a stranger to either is told apart', async () => {
  await using folder = await temporaryFolder('messages-tls');
  const at = (name: string) => path.join(folder.path, name);
  const client = authority.issue('gantry');
  const stranger = makeAuthority('stranger');
  const unknown = stranger.issue('gantry');
  await writeFile(at('ca.pem'), authority.cert);
  await writeFile(at('cert.pem'), client.cert);
  await writeFile(at('key.pem'), client.key);
  await writeFile(at('other-ca.pem'), stranger.cert);
  await writeFile(at('other-cert.pem'), unknown.cert);
  await writeFile(at('other-key.pem'), unknown.key);
  const url = broker.url(broker.tlsHost).replace('amqp:', 'amqps:');
  const exchange = newExchange();
  const ours = { caFile: at('ca.pem'), certFile: at('cert.pem'), keyFile: at('key.pem') };
  await using messages = await openMessages({ amqp: { url, exchange, tls: ours } });
  const seen = collector(1);
  await messages.consume('q', seen.handle);
  await messages.send('q', 'key', event('sealed'));
  expect(await seen.all).toMatchObject([{ event: { id: 'sealed' } }]);

  const refused = async (tls: object, named: string) => {
    await expect(openMessages({ amqp: { url, exchange, tls } })).rejects.toMatchObject({
      code: 'CONFIGURATION_INVALID',
      message: expect.stringContaining(named) as string,
    });
  };
  await refused({ ...ours, caFile: at('other-ca.pem') }, 'messages.amqp.tls: no trusted connection');
  await refused({ caFile: at('ca.pem') }, 'messages.amqp.tls: no trusted connection');
  await refused(
    { ...ours, certFile: at('other-cert.pem'), keyFile: at('other-key.pem') },
    'messages.amqp.tls',
  );
  await refused({ ...ours, certFile: at('other-cert.pem') }, "the key is not the certificate's");
  await refused({ caFile: at('ca.pem'), certFile: at('cert.pem') }, 'belong together');
  await refused({ ...ours, caFile: at('absent.pem') }, 'messages.amqp.tls.caFile');
  await refused({ ...ours, caFile: at('key.pem') }, 'messages.amqp.tls');
});
