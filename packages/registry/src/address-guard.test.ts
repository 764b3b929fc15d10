import type { LookupAddress } from 'node:dns';
import { addressKind, type AddressKind, guardedLookup, literalAddress } from './address-guard.ts';

describe('addresses', () => {
  const table: [AddressKind, string[]][] = [
    [
      'public',
      [
        '1.1.1.1',
        '9.255.255.255',
        '11.0.0.0',
        '100.63.255.255',
        '100.128.0.0',
        '172.32.0.0',
        '192.167.255.255',
        '223.255.255.255',
        '2606:4700::1111',
        '::ffff:1.1.1.1',
        '64:ff9b::1.1.1.1',
      ],
    ],
    [
      'private',
      [
        '10.0.0.1',
        '100.64.0.1',
        '172.16.0.1',
        '172.31.255.255',
        '192.168.1.1',
        'fc00::1',
        'fd12:3456::1',
        '::ffff:10.0.0.1',
        '::ffff:a00:1',
        '64:ff9b::10.0.0.1',
      ],
    ],
    ['loopback', ['127.0.0.1', '127.255.255.255', '::1', '::ffff:127.0.0.1', '64:ff9b::7f00:1']],
    [
      'special',
      [
        '0.0.0.0',
        '0.1.2.3',
        '169.254.169.254',
        '100.100.100.200',
        '192.0.0.192',
        '192.0.2.1',
        '198.18.0.1',
        '198.51.100.1',
        '203.0.113.1',
        '224.0.0.1',
        '240.0.0.1',
        '255.255.255.255',
        '::',
        '::ffff:0.0.0.0',
        '::ffff:a9fe:a9fe',
        '::127.0.0.1',
        '64:ff9b::a9fe:a9fe',
        '64:ff9b:1::1',
        'fd00:ec2::254',
        'fe80::1',
        'fec0::1',
        'ff02::1',
        '100::1',
        '2001::1',
        '2001:db8::1',
        '2002:7f00:1::',
        '3fff::1',
      ],
    ],
  ];
  test.each(table.flatMap(([kind, addresses]) => addresses.map((address) => [address, kind])))(
    '%s is %s',
    (address, kind) => {
      expect(addressKind(address)).toBe(kind);
    },
  );

  test.each(['', 'localhost', '1.2.3', '1.2.3.4.5', '[::1]', '::g'])('%j is no address', (text) => {
    expect(addressKind(text)).toBeUndefined();
  });

  test.each([
    ['http://0x7f.1/', '127.0.0.1'],
    ['http://2130706433/', '127.0.0.1'],
    ['http://0/', '0.0.0.0'],
    ['http://[::ffff:127.0.0.1]/', '::ffff:7f00:1'],
    ['http://example.org/', undefined],
  ])('%s is at %s', (url, address) => {
    expect(literalAddress(new URL(url).hostname)).toBe(address);
  });
});

const lookUp = (addresses: string[], all: boolean) =>
  new Promise<LookupAddress[]>((resolve, reject) => {
    const found = addresses.map((address) => ({ address, family: 4 as const }));
    const lookup = guardedLookup(
      () => Promise.resolve(found),
      (kind) => kind === 'public',
      (hostname, refused) => new Error(`${hostname} ${refused.join(' ')}`),
    );
    lookup('some.example', { all }, (error, address, family) => {
      if (error) reject(error);
      else resolve(typeof address === 'string' ? [{ address, family: family ?? 0 }] : address);
    });
  });

describe('guardedLookup', () => {
  test.each([true, false])('yields the allowed addresses alone (all: %s)', async (all) => {
    expect(await lookUp(['10.0.0.1', '1.1.1.1'], all)).toEqual([{ address: '1.1.1.1', family: 4 }]);
  });

  test('refuses a name that has no allowed address', async () => {
    await expect(lookUp(['10.0.0.1', '169.254.169.254'], true)).rejects.toThrow(
      'some.example 10.0.0.1 169.254.169.254',
    );
    await expect(lookUp([], false)).rejects.toThrow('some.example');
  });
});
