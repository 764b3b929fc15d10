import { type Network, parseAddress, parseNetwork } from '@gantry/service';
import { type ClientPlace, nearness, type Neighbourhood } from './nearness.ts';

const NOWHERE: Neighbourhood = { networks: [], asns: [], countries: [], continents: [], isPrivate: false };
const networks = (...texts: string[]) => texts.map((text) => parseNetwork(text) as Network);
const mirror = (near: Partial<Neighbourhood>) => ({ weight: 100, seed: 1, ...NOWHERE, ...near });

const MIRRORS = {
  anybody: mirror({}),
  germany: mirror({ countries: ['DE'], continents: ['EU'] }),
  france: mirror({ countries: ['FR'], continents: ['EU'] }),
  university: mirror({ networks: networks('192.0.2.0/24', '2001:db8::/32'), asns: [64500] }),
  laboratory: mirror({ networks: networks('192.0.2.128/25'), isPrivate: true }),
};
const NAMES = Object.keys(MIRRORS);
const near = nearness(Object.values(MIRRORS));

function poolsFor(place: Omit<ClientPlace, 'address'> & { address?: string }): string[][] {
  const { address: text, ...rest } = place;
  const address = text === undefined ? undefined : parseAddress(text);
  return near
    .poolsFor({ ...rest, ...(address !== undefined && { address }) })
    .map(({ members }) => members.map((index) => NAMES[index] as string));
}

const PUBLIC = ['anybody', 'germany', 'france', 'university'];

describe('the mirrors near to a client', () => {
  test('of which nothing is known are all that are not private', () => {
    expect(poolsFor({})).toEqual([PUBLIC]);
  });

  test('in a country are that country’s, then its continent’s, then all', () => {
    expect(poolsFor({ country: 'DE', continent: 'EU' })).toEqual([
      ['germany'],
      ['germany', 'france'],
      PUBLIC,
    ]);
    expect(poolsFor({ country: 'PL', continent: 'EU' })).toEqual([['germany', 'france'], PUBLIC]);
    expect(poolsFor({ country: 'JP', continent: 'AS' })).toEqual([PUBLIC]);
  });

  test('in a network are those of the narrowest one first, before AS and country', () => {
    const place = { address: '192.0.2.200', asn: 64500, country: 'DE', continent: 'EU' };
    expect(poolsFor(place)).toEqual([
      ['laboratory'],
      ['university'],
      ['germany'],
      ['germany', 'france'],
      PUBLIC,
    ]);
    expect(poolsFor({ address: '2001:db8::1' })).toEqual([['university'], PUBLIC]);
  });

  test('never are private to others', () => {
    expect(poolsFor({ address: '192.0.2.1' }).flat()).not.toContain('laboratory');
  });

  test('are the very same pools for clients of one place, so that their orders are kept once', () => {
    expect(near.poolsFor({ country: 'DE' })[0]).toBe(near.poolsFor({ country: 'DE', asn: 1 })[0]);
  });
});

test('it matters where a client is as soon as one mirror is near to somebody', () => {
  expect(near.matters).toBe(true);
  expect(nearness([mirror({}), mirror({})]).matters).toBe(false);
});
