import type { IncomingMessage } from 'node:http';
import { createOrigins } from './origins.ts';

const from = (remoteAddress?: string) => ({ socket: { remoteAddress }, headers: {} }) as IncomingMessage;

test('a client has an IPv4 address for itself', () => {
  const { networkOf } = createOrigins(() => []);
  expect(networkOf(from('192.0.2.9'))).toBe('192.0.2.9');
  expect(networkOf(from('::ffff:192.0.2.9'))).toBe('192.0.2.9');
});

test.each([
  ['2001:db8::1', '2001:db8:0:0:ffff::2', '2001:db8:0:1::1'],
  ['2001:db8::1', '2001:0db8:0000:0000:1:2:3:4', '2001:db8:1::1'],
  ['fe80::1%eth0', 'fe80::2%eth1', 'fe80:0:0:1::1'],
  ['::1', '::2', '1::1'],
])('of IPv6 it has the first half: %s is %s, and not %s', (first, same, other) => {
  const { networkOf } = createOrigins(() => []);
  expect(networkOf(from(same))).toBe(networkOf(from(first)));
  expect(networkOf(from(other))).not.toBe(networkOf(from(first)));
});

test('a connection that is gone is of no network and no proxy', () => {
  const { isTrustedProxy, networkOf } = createOrigins(() => []);
  expect([networkOf(from()), isTrustedProxy(undefined)]).toEqual(['', false]);
});
