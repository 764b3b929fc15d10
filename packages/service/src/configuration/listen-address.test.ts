import * as fc from 'fast-check';
import { formatListenAddress, isListenAddress, localUrl, parseListenAddress } from './listen-address.ts';

const host = fc.oneof(
  fc.ipV4(),
  fc.ipV6(),
  fc.domain(),
  fc.constantFrom('localhost', 'a', 'gantry-promote.gantry.svc'),
);

describe('addresses to listen on', () => {
  test('host and port are read back from what is formatted', () => {
    fc.assert(
      fc.property(host, fc.integer({ min: 0, max: 65_535 }), (name, port) => {
        const address = { host: name, port };
        expect(parseListenAddress(formatListenAddress(address))).toEqual(address);
      }),
    );
  });

  test.each([
    ['127.0.0.1:5090', '127.0.0.1', 5090],
    ['[::1]:0', '::1', 0],
    ['0.0.0.0:80', '0.0.0.0', 80],
    ['localhost:65535', 'localhost', 65_535],
  ])('%s is a host and a port', (text, name, port) => {
    expect(parseListenAddress(text)).toEqual({ host: name, port });
  });

  test.each([
    '',
    '5090',
    ':5090',
    '127.0.0.1',
    '127.0.0.1:',
    '127.0.0.1:65536',
    '127.0.0.1:-1',
    '127.0.0.1:0x1',
    '127.0.0:80',
    '256.0.0.1:80',
    '::1:80',
    '[::1]',
    '[127.0.0.1]:80',
    '[::g]:80',
    'http://localhost:80',
    'a b:80',
    'a_b\n:80',
    '-a:80',
    '*:80',
  ])('%j is refused with what would be right', (text) => {
    expect(isListenAddress(text)).toBe(false);
    expect(() => parseListenAddress(text)).toThrow(/is not an address to listen on: write HOST:PORT/);
  });

  test('an address of all interfaces is reached by loopback', () => {
    expect(localUrl({ host: '0.0.0.0', port: 5090 })).toBe('http://127.0.0.1:5090');
    expect(localUrl({ host: '::', port: 5090 })).toBe('http://[::1]:5090');
    expect(localUrl({ host: 'api.internal', port: 80 })).toBe('http://api.internal:80');
  });
});
