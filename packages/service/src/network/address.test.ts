import { parseAddress, parseNetwork } from './address.ts';

describe('addresses and networks', () => {
  test.each([
    ['192.0.2.1', [0xc0000201 | 0]],
    ['::1', [0, 0, 0, 1]],
    ['2001:db8::192.0.2.1', [0x20010db8, 0, 0, 0xc0000201 | 0]],
    ['fe80::1%eth0', [0xfe800000 | 0, 0, 0, 1]],
    ['1:2:3:4:5:6:7:8', [0x10002, 0x30004, 0x50006, 0x70008]],
  ])('%s is read', (text, words) => {
    expect(parseAddress(text)?.words).toEqual(words);
  });

  test.each(['', '192.0.2', '192.0.2.256', '01.2.3.4', '2001:db8', 'example.org', '::1::'])(
    '%j is no address',
    (text) => {
      expect(parseAddress(text)).toBeUndefined();
    },
  );

  test.each(['192.0.2.0/33', '192.0.2.0/', '192.0.2.0/-1', '::/129', '192.0.2.0/024', '::ffff:192.0.2.0/24'])(
    '%j is no network',
    (text) => {
      expect(parseNetwork(text)).toBeUndefined();
    },
  );

  test('host bits of a network count for nothing', () => {
    expect(parseNetwork('192.0.2.77/24')).toEqual(parseNetwork('192.0.2.0/24'));
    expect(parseNetwork('2001:db8:ffff::1/32')).toEqual(parseNetwork('2001:db8::/32'));
  });
});
