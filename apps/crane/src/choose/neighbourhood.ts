import type { Fault } from '@gantry/oci';
import { quote } from '@gantry/oci';
import { countries as known } from 'countries-list';
import { type Network, parseNetwork } from '@gantry/service';
import type { Neighbourhood } from './nearness.ts';

/** Whom a mirror is near to, as the configuration says it. */
export interface NeighbourhoodOptions {
  /** In CIDR notation, or single addresses. */
  readonly networks?: readonly string[];
  /** Numbers of autonomous systems. */
  readonly asns?: readonly number[];
  /** ISO 3166-1 alpha-2. */
  readonly countries?: readonly string[];
  /** Only those are sent to it. */
  readonly private?: boolean;
}

/** @param refuse makes the fault of a mirror that can't be used @throws what `refuse` makes */
export function readNeighbourhood(
  { networks = [], asns = [], countries = [], private: isPrivate = false }: NeighbourhoodOptions,
  refuse: (why: string) => Fault,
): Neighbourhood {
  const codes = countries.map((country) => {
    const code = country.toUpperCase();
    if (Object.hasOwn(known, code)) return code as keyof typeof known;
    throw refuse(`${quote(country)} is no country's code: write two letters of ISO 3166, for instance DE`);
  });
  if (isPrivate && networks.length + asns.length + countries.length === 0) {
    throw refuse('it is private, and near to nobody: name its networks, asns or countries');
  }
  return {
    networks: networks.map((text): Network => {
      const network = parseNetwork(text);
      if (network === undefined)
        throw refuse(`${quote(text)} is no network: write for instance 192.0.2.0/24 or 2001:db8::/32`);
      return network;
    }),
    asns,
    countries: codes,
    continents: [...new Set(codes.map((code) => known[code].continent))],
    isPrivate,
  };
}
