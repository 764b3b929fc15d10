import { type Network, parseAddress, parseNetwork } from './address.ts';
import { createTrustedProxies } from './forwarded.ts';

const PROXIES = ['10.0.0.0/8', '2001:db8::/32'].map((text) => parseNetwork(text) as Network);

describe("a client's address", () => {
  test.each([
    ['a client that asks by itself', '192.0.2.1', undefined, '192.0.2.1'],
    ['a client that says it were another', '192.0.2.1', '198.51.100.7', '192.0.2.1'],
    ['a proxy asks for it', '10.0.0.1', '192.0.2.1', '192.0.2.1'],
    ['what the client wrote stands left of it', '10.0.0.1', '198.51.100.7, 192.0.2.1', '192.0.2.1'],
    ['two proxies, one behind the other', '10.0.0.1', '198.51.100.7, 192.0.2.1,10.1.2.3', '192.0.2.1'],
    ['nobody but proxies', '10.0.0.1', '10.0.0.3, 10.0.0.2', '10.0.0.3'],
    ['a proxy that says nothing', '10.0.0.1', undefined, '10.0.0.1'],
    ['a proxy that says nonsense', '10.0.0.1', 'unknown', '10.0.0.1'],
    ['nonsense behind a proxy', '10.0.0.1', '192.0.2.1, nonsense, 10.0.0.2', '10.0.0.2'],
    ['an empty entry', '10.0.0.1', '192.0.2.1,', '10.0.0.1'],
    ['an address with a port', '10.0.0.1', '192.0.2.1:4711', '192.0.2.1'],
    ['an IPv6 address with a port', '2001:db8::1', '[2001:db9::5]:4711', '2001:db9::5'],
    ['an IPv6 address in brackets', '2001:db8::1', '[2001:db9::5]', '2001:db9::5'],
    ['a proxy on a socket for both families', '::ffff:10.0.0.1', '192.0.2.1', '192.0.2.1'],
  ])('%s', (_, peer, forwardedFor, expected) => {
    expect(createTrustedProxies(PROXIES).clientAddress(peer, forwardedFor)).toEqual(parseAddress(expected));
  });

  test('with no trusted proxy the header counts for nothing', () => {
    expect(createTrustedProxies([]).clientAddress('10.0.0.1', '192.0.2.1')).toEqual(parseAddress('10.0.0.1'));
  });

  test('a connection that is gone has none', () => {
    expect(createTrustedProxies(PROXIES).clientAddress(undefined, '192.0.2.1')).toBeUndefined();
  });
});
