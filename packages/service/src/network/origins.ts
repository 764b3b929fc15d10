import type { IncomingMessage } from 'node:http';
import { type Network, parseAddress } from './address.ts';
import { formatAddress } from './format-address.ts';
import { createTrustedProxies, type TrustedProxies } from './forwarded.ts';

/** Whom requests come from, as far as it matters for credentials. */
export interface Origins {
  /** Whether the other end of a connection is a proxy that is believed. */
  readonly isTrustedProxy: (peer: string | undefined) => boolean;
  /** What one client has for itself: an IPv4 address, or the first half of an IPv6 one. */
  readonly networkOf: (request: IncomingMessage) => string;
}

/** @param trustedProxies those that are trusted now; another list when they have changed */
export function createOrigins(trustedProxies: () => readonly Network[]): Origins {
  let read: { readonly list: readonly Network[]; readonly proxies: TrustedProxies } | undefined;
  const proxies = () => {
    const list = trustedProxies();
    if (read?.list !== list) read = { list, proxies: createTrustedProxies(list) };
    return read.proxies;
  };
  return {
    isTrustedProxy: (peer) => {
      const address = peer === undefined ? undefined : parseAddress(peer);
      return address !== undefined && proxies().includes(address);
    },
    networkOf: ({ socket, headers }) => {
      // node:http joins all lines of it.
      const forwarded = headers['x-forwarded-for'] as string | undefined;
      const address = proxies().clientAddress(socket.remoteAddress, forwarded);
      if (address === undefined) return '';
      const { family, words } = address;
      return formatAddress(family === 4 ? address : { family, words: [...words.slice(0, 2), 0, 0] });
    },
  };
}
