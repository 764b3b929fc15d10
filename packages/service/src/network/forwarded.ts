import { Fault, quote } from '@gantry/oci';
import { type Address, type Network, parseAddress, parseNetwork } from './address.ts';
import { networkTable } from './network-table.ts';

/** Proxies that are believed whom they ask for. */
export interface TrustedProxies {
  /** Whether an address is one's. */
  includes(address: Address): boolean;
  /**
   * Finds out who asks: of the addresses that a request came by, the rightmost that is no trusted proxy. What lies to the left
   * of it anybody may have written. An entry that is no address ends the walk: the proxy that put it there is the last that
   * is known.
   * @param peer the other end of the connection
   * @param forwardedFor the header X-Forwarded-For, all its lines joined by commas
   */
  clientAddress(peer: string | undefined, forwardedFor: string | undefined): Address | undefined;
}

/**
 * @param key where they stand in the configuration: `crane.trustedProxies`
 * @throws Fault CONFIGURATION_INVALID for what is no network
 */
export function readTrustedProxies(texts: readonly string[], key: string): Network[] {
  return texts.map((text) => {
    const network = parseNetwork(text);
    if (network !== undefined) return network;
    throw new Fault('CONFIGURATION_INVALID', `${key}: ${quote(text)} is no network`, { key });
  });
}

/** An entry of a header is an address, maybe with a port, an IPv6 one then in brackets. */
const ENTRY = /^(?:\[([^\]]+)\](?::[0-9]+)?|([0-9.]+):[0-9]+|(.+))$/;

export function createTrustedProxies(networks: readonly Network[]): TrustedProxies {
  const table = networkTable(networks.map((network) => [network, true] as const));
  const includes = (address: Address) => table.find(address) === true;
  return {
    includes,
    clientAddress(peer, forwardedFor) {
      let known = peer === undefined ? undefined : parseAddress(peer);
      if (known === undefined || forwardedFor === undefined) return known;
      let end = forwardedFor.length;
      while (end >= 0 && includes(known)) {
        const comma = forwardedFor.lastIndexOf(',', end - 1);
        const next = addressOf(forwardedFor.slice(comma + 1, end));
        if (next === undefined) return known;
        known = next;
        end = comma < 0 ? -1 : comma;
      }
      return known;
    },
  };
}

function addressOf(entry: string): Address | undefined {
  const [, bracketed, withPort, bare] = ENTRY.exec(entry.trim()) ?? [];
  return parseAddress(bracketed ?? withPort ?? bare ?? '');
}
