import type { IncomingMessage } from 'node:http';
import { createOrigins } from './origins.ts';

const from = (remoteAddress?: string) => ({ socket: { remoteAddress }, headers: {} }) as IncomingMessage;

test('a client has an IPv4 address for itself, and the first half of an IPv6 one', () => {
  const { networkOf } = createOrigins(() => []);
  expect(networkOf(from('192.0.2.9'))).toBe('192.0.2.9');
  expect(networkOf(from('2001:db8:1:2:3:4:5:6'))).toBe(networkOf(from('2001:db8:1:2::9')));
  expect(networkOf(from('2001:db8:1:2::9'))).not.toBe(networkOf(from('2001:db8:1:3::9')));
});

test('a connection that is gone is of no network and no proxy', () => {
  const { isTrustedProxy, networkOf } = createOrigins(() => []);
  expect([networkOf(from()), isTrustedProxy(undefined)]).toEqual(['', false]);
});
