import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Digest } from '@gantry/oci';
import { LRUCache } from 'lru-cache';
import { hexWord } from '../repositories/bytes.ts';
import type { CameBack, Client } from '../choose/choose-mirror.ts';
import { type ClientPlace, type Nearness, nearness } from '../choose/nearness.ts';
import { RecentRedirects } from '../choose/recent-redirects.ts';
import type { Mirror } from '../choose/mirror.ts';
import { type Address, clientAddress, formatAddress, type Network } from '@gantry/service';

/** Where an address is, as far as files of places tell. */
export type FindPlace = (address: Address) => Omit<ClientPlace, 'address'>;

export interface ClientsOptions {
  readonly mirrors: readonly Mirror[];
  readonly trustedProxies: readonly Network[];
  /** Absent: no file tells where anybody is. */
  readonly findPlace?: FindPlace;
  /** Told of a mirror that a client came back from for the same object, within seconds. */
  readonly onCameBack?: CameBack;
}

/**
 * Knows whom a request comes from. What was found out of an address is kept. Who came to a proxy by https is sent to https
 * mirrors alone; if somebody else writes X-Forwarded-Proto, it narrows down just the own choice.
 */
export type Clients = (request: IncomingMessage) => Client;

const CLIENTS_KEPT = 10_000;

export function createClients({ mirrors, trustedProxies, findPlace, onCameBack }: ClientsOptions): Clients {
  const near = nearness(mirrors);
  const recent = new RecentRedirects();
  const readAddress = clientAddress(trustedProxies);

  // Made on first use: large lists of mirrors take their memory again.
  let httpsNear: Nearness | undefined;
  const isHttpsMirror = (index: number) => mirrors[index]?.base.startsWith('https:') === true;
  const nearFor = (isHttps: boolean): Nearness =>
    isHttps && !mirrors.keys().every(isHttpsMirror) ? (httpsNear ??= nearness(mirrors, isHttpsMirror)) : near;

  const clientOf = (address: Address | undefined, isHttps: boolean): Client => {
    const word = address?.words.reduce((hash, one) => Math.imul(hash ^ one, 0x9e3779b1), 1) ?? 0;
    const place = address !== undefined && near.matters ? { ...findPlace?.(address), address } : {};
    return {
      ...(address !== undefined && { address: formatAddress(address) }),
      pools: nearFor(isHttps).poolsFor(place),
      ...(onCameBack !== undefined && { cameBackFrom: onCameBack }),
      sentBefore: (digest) => recent.mirrors(word, wordOf(digest), Date.now()),
      sendTo: (digest, member) => recent.note(word, wordOf(digest), member, Date.now()),
    };
  };

  // A connection is one client's, unless a proxy stands before it.
  const byConnection = new WeakMap<Socket, Client>();
  const byAddresses = new LRUCache<string, Client>({ max: CLIENTS_KEPT });
  return ({ socket, headers }) => {
    // node:http joins all lines of either.
    const forwarded =
      trustedProxies.length === 0 ? undefined : (headers['x-forwarded-for'] as string | undefined);
    const protocol =
      trustedProxies.length === 0 ? undefined : (headers['x-forwarded-proto'] as string | undefined);
    if (forwarded === undefined && protocol === undefined) {
      let client = byConnection.get(socket);
      if (client === undefined) {
        client = clientOf(readAddress(socket.remoteAddress, undefined), false);
        byConnection.set(socket, client);
      }
      return client;
    }
    const isHttps = protocol !== undefined && /\bhttps\b/i.test(protocol);
    const key = `${socket.remoteAddress} ${isHttps} ${forwarded}`;
    let client = byAddresses.get(key);
    if (client === undefined) {
      client = clientOf(readAddress(socket.remoteAddress, forwarded), isHttps);
      byAddresses.set(key, client);
    }
    return client;
  };
}

function wordOf(digest: Digest): number {
  return hexWord(digest, digest.indexOf(':') + 1);
}
