import { type Address, type Network, networkTable } from '@gantry/service';
import { Pool, type Weighted } from './rendezvous.ts';

/** Whom a mirror is near to. With none of these it is near to nobody in particular. */
export interface Neighbourhood {
  readonly networks: readonly Network[];
  readonly asns: readonly number[];
  /** ISO 3166-1 alpha-2, in capitals. */
  readonly countries: readonly string[];
  /** Of its countries: `AF`, `AN`, `AS`, `EU`, `NA`, `OC`, `SA`. */
  readonly continents: readonly string[];
  /** Nobody else is sent to it. */
  readonly isPrivate: boolean;
}

/** Where a client is, as far as it is known. */
export interface ClientPlace {
  readonly address?: Address;
  readonly asn?: number;
  readonly country?: string;
  readonly continent?: string;
}

/** Tells which mirrors are near to a client. */
export interface Nearness {
  /** Whether it matters at all where a client is. */
  readonly matters: boolean;
  /**
   * Pools of mirrors, the nearest first: those of the narrowest network that the client is in, those of wider ones, of its
   * AS, its country, its continent, and all that are not private. A mirror may be in several. Clients of one place get the
   * very same pools.
   */
  poolsFor(place: ClientPlace): readonly Pool[];
}

/** @param isOpen whether clients may be sent to the mirror at that place of the list at all; absent: to each */
export function nearness(
  mirrors: readonly (Weighted & Neighbourhood)[],
  isOpen: (index: number) => boolean = () => true,
): Nearness {
  const pools = new Map<string, Pool>();
  const poolOf = (all: readonly number[]) => {
    const members = all.filter(isOpen);
    return pools.getOrInsertComputed(members.join(' '), () => new Pool(mirrors, members));
  };

  const byNetwork = Map.groupBy(
    mirrors.flatMap((mirror, index) => mirror.networks.map((network) => ({ network, index }))),
    ({ network: { words, prefixBits } }) => `${words.join(' ')}/${prefixBits}`,
  );
  const networks = networkTable(
    byNetwork.values().map((same) => {
      const members = [...new Set(same.map(({ index }) => index))];
      return [(same[0] as (typeof same)[number]).network, poolOf(members)] as const;
    }),
  );
  const byAsn = poolsBy(mirrors, poolOf, ({ asns }) => asns);
  const byCountry = poolsBy(mirrors, poolOf, ({ countries }) => countries);
  const byContinent = poolsBy(mirrors, poolOf, ({ continents, isPrivate }) => (isPrivate ? [] : continents));
  const everybody = poolOf(mirrors.flatMap(({ isPrivate }, index) => (isPrivate ? [] : [index])));

  return {
    matters: byNetwork.size + byAsn.size + byCountry.size + byContinent.size > 0,
    poolsFor({ address, asn, country, continent }) {
      const found: (Pool | undefined)[] = [
        ...(address === undefined ? [] : networks.findAll(address)),
        asn === undefined ? undefined : byAsn.get(asn),
        country === undefined ? undefined : byCountry.get(country),
        continent === undefined ? undefined : byContinent.get(continent),
        everybody,
      ];
      return [...new Set(found.filter((pool) => pool !== undefined && pool.members.length > 0))] as Pool[];
    },
  };
}

function poolsBy<K>(
  mirrors: readonly (Weighted & Neighbourhood)[],
  poolOf: (members: readonly number[]) => Pool,
  keysOf: (mirror: Neighbourhood) => readonly K[],
): ReadonlyMap<K, Pool> {
  const members = new Map<K, number[]>();
  for (const [index, mirror] of mirrors.entries())
    for (const key of new Set(keysOf(mirror))) members.getOrInsertComputed(key, () => []).push(index);
  return new Map([...members].map(([key, indexes]) => [key, poolOf(indexes)]));
}
