import * as fc from 'fast-check';
import { parseAddress, parseNetwork, type Network } from './address.ts';
import { networkTable } from './network-table.ts';

const network = (text: string): Network => {
  const parsed = parseNetwork(text);
  if (parsed === undefined) throw new Error(`${text} is no network`);
  return parsed;
};

const table = (...texts: string[]) => networkTable(texts.map((text) => [network(text), text] as const));

function find(of: ReturnType<typeof table>, text: string): string | undefined {
  const address = parseAddress(text);
  return address && of.find(address);
}

describe('a table of networks', () => {
  test('gives the narrowest of nested networks', () => {
    const nested = table('15.193.0.0/19', '15.193.10.0/24', '15.193.10.7', '0.0.0.0/0');
    expect(find(nested, '15.193.10.7')).toBe('15.193.10.7');
    expect(find(nested, '15.193.10.8')).toBe('15.193.10.0/24');
    expect(find(nested, '15.193.11.8')).toBe('15.193.0.0/19');
    expect(find(nested, '15.193.32.1')).toBe('0.0.0.0/0');
    const address = parseAddress('15.193.10.7');
    expect(address && nested.findAll(address)).toEqual([
      '15.193.10.7',
      '15.193.10.0/24',
      '15.193.0.0/19',
      '0.0.0.0/0',
    ]);
  });

  test('keeps the two families apart, and takes a mapped address for the IPv4 address', () => {
    const both = table('2001:db8::/32', '192.0.2.0/24', '::ffff:198.51.100.0/120');
    expect(find(both, '2001:db8:1::1')).toBe('2001:db8::/32');
    expect(find(both, '2001:db9::1')).toBeUndefined();
    expect(find(both, '::ffff:192.0.2.9')).toBe('192.0.2.0/24');
    expect(find(both, '::ffff:c000:209')).toBe('192.0.2.0/24');
    expect(find(both, '198.51.100.3')).toBe('::ffff:198.51.100.0/120');
  });

  test('says of any address what a look at every network says', () => {
    const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
    // Few different words, so that networks lie within each other and addresses in them.
    const few = fc.oneof(fc.constantFrom(0, -1, 0x0a000000, 0x0a010000), word);
    const addresses = fc.oneof(
      fc.record({ family: fc.constant(4 as const), words: fc.tuple(few) }),
      fc.record({ family: fc.constant(6 as const), words: fc.tuple(few, few, few, few) }),
    );
    const networks = fc.tuple(addresses, fc.nat(128)).map(([{ family, words }, bits]): Network => {
      const prefixBits = bits % (words.length * 32 + 1);
      return { family, prefixBits, words: words.map((one, at) => masked(one, prefixBits - at * 32)) };
    });
    fc.assert(
      fc.property(fc.array(networks, { maxLength: 30 }), addresses, (all, address) => {
        let expected: Network | undefined;
        for (const one of all) {
          const isIn =
            one.family === address.family &&
            one.words.every((w, at) => w === masked(address.words[at] as number, one.prefixBits - at * 32));
          if (isIn && one.prefixBits >= (expected?.prefixBits ?? 0)) expected = one;
        }
        expect(networkTable(all.map((one) => [one, one] as const)).find(address)).toBe(expected);
      }),
      { numRuns: 2000 },
    );
  });
});

function masked(word: number, bits: number): number {
  return bits <= 0 ? 0 : bits >= 32 ? word | 0 : word & ~(2 ** (32 - bits) - 1);
}
