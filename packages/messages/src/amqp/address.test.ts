import * as fc from 'fast-check';
import { parseAddress } from './address.ts';
import { namesOf } from './names.ts';

const part = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }).map((text) => `${text}!`);

const read = (url: string) => {
  const { options, vhost, isTls } = parseAddress(url);
  return [options.hostname, options.port, options.username, options.password, vhost, isTls];
};

test('whatever user, password and vhost are, they are read as they were encoded, and no password is shown', () => {
  fc.assert(
    fc.property(part, part, part, (username, password, vhost) => {
      const [user, secret, path] = [username, password, vhost].map(encodeURIComponent);
      const {
        options,
        vhost: place,
        shown,
      } = parseAddress(`amqp://${user}:${secret}@broker.example.org/${path}`);
      expect({ ...options, vhost: place }).toEqual({
        protocol: 'amqp',
        hostname: 'broker.example.org',
        port: 5672,
        username,
        password,
        vhost,
      });
      expect(decodeURIComponent(options.vhost ?? '')).toBe(vhost); // amqplib decodes it
      expect(shown).toBe(`amqp://broker.example.org:5672/${path}`);
    }),
  );
});

test('what an address leaves out is as RabbitMQ has it', () => {
  expect(read('amqp://h')).toEqual(['h', 5672, 'guest', 'guest', '/', false]);
  expect(read('amqps://h/')).toEqual(['h', 5671, 'guest', 'guest', '/', true]);
  expect(read('amqps://u@[::1]:1/%2Fa')).toEqual(['::1', 1, 'u', '', '/a', true]);
});

test('queues are named after the exchange, and those of two exchanges never meet', () => {
  const [ours, theirs] = [namesOf('gantry'), namesOf('acme')];
  expect(ours.queue('gantry.commands')).toBe('gantry.commands');
  expect(ours.deadQueue('gantry.commands')).toBe('gantry.dead');
  expect(ours.bindings('gantry.commands')).toEqual(['command.*']);
  expect(ours.queue('gantry.sync')).toBe('gantry.sync');
  expect(ours.deadQueue('gantry.sync')).toBe('gantry.sync.dead');
  expect(ours.bindings('gantry.sync')).toEqual([]);
  expect(theirs.queue('gantry.commands')).toBe('acme.commands');
  expect(theirs.deadQueue('gantry.commands')).toBe('acme.dead');
});
