import { Fault, quote } from '@gantry/oci';
import { type Address, type Network, parseAddress, parseNetwork } from './address.ts';
import { networkTable } from './network-table.ts';

/** Finds out who asks: the connection's other end, or whom a trusted proxy says that it asks for. */
export type ClientAddress = (
  /** The other end of the connection. */
  peer: string | undefined,
  /** The header X-Forwarded-For, all its lines joined by commas. */
  forwardedFor: string | undefined,
) => Address | undefined;

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

/**
 * Reads a client's address: of the addresses that the request came by, the rightmost that is no trusted proxy. What lies to
 * the left of it anybody may have written. An entry that is no address ends the walk: the proxy that put it there is the
 * last that is known.
 */
export function clientAddress(trustedProxies: readonly Network[]): ClientAddress {
  const proxies = networkTable(trustedProxies.map((network) => [network, true] as const));
  const isProxy = (address: Address) => proxies.find(address) === true;
  return (peer, forwardedFor) => {
    let known = peer === undefined ? undefined : parseAddress(peer);
    if (known === undefined || forwardedFor === undefined || trustedProxies.length === 0) return known;
    let end = forwardedFor.length;
    while (end >= 0 && isProxy(known)) {
      const comma = forwardedFor.lastIndexOf(',', end - 1);
      const next = addressOf(forwardedFor.slice(comma + 1, end));
      if (next === undefined) return known;
      known = next;
      end = comma < 0 ? -1 : comma;
    }
    return known;
  };
}

function addressOf(entry: string): Address | undefined {
  const [, bracketed, withPort, bare] = ENTRY.exec(entry.trim()) ?? [];
  return parseAddress(bracketed ?? withPort ?? bare ?? '');
}
