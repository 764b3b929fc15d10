import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Digest } from '@gantry/oci';
import { LRUCache } from 'lru-cache';
import { hexWord } from '../bytes.ts';
import type { CameBack, Client } from '../choose-mirror.ts';
import { type ClientPlace, nearness } from '../choose/nearness.ts';
import { RecentRedirects } from '../choose/recent-redirects.ts';
import type { Mirror } from '../mirror.ts';
import type { Address, Network } from '@gantry/service';
import { formatAddress } from './format-address.ts';
import { clientAddress } from './forwarded.ts';

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

/** Knows whom a request comes from. What was found out of an address is kept. */
export type Clients = (request: IncomingMessage) => Client;

const CLIENTS_KEPT = 10_000;

export function createClients({ mirrors, trustedProxies, findPlace, onCameBack }: ClientsOptions): Clients {
  const near = nearness(mirrors);
  const recent = new RecentRedirects();
  const readAddress = clientAddress(trustedProxies);

  const clientOf = (address: Address | undefined): Client => {
    const word = address?.words.reduce((hash, one) => Math.imul(hash ^ one, 0x9e3779b1), 1) ?? 0;
    const place = address !== undefined && near.matters ? { ...findPlace?.(address), address } : {};
    return {
      ...(address !== undefined && { address: formatAddress(address) }),
      pools: near.poolsFor(place),
      ...(onCameBack !== undefined && { cameBackFrom: onCameBack }),
      sentBefore: (digest: Digest) => recent.note(word, hexWord(digest, digest.indexOf(':') + 1), Date.now()),
    };
  };

  // A connection is one client's, unless a proxy stands before it.
  const byConnection = new WeakMap<Socket, Client>();
  const byAddresses = new LRUCache<string, Client>({ max: CLIENTS_KEPT });
  return ({ socket, headers }) => {
    const forwarded = trustedProxies.length === 0 ? undefined : headers['x-forwarded-for'];
    if (forwarded === undefined) {
      let client = byConnection.get(socket);
      if (client === undefined) {
        client = clientOf(readAddress(socket.remoteAddress, undefined));
        byConnection.set(socket, client);
      }
      return client;
    }
    const said = typeof forwarded === 'string' ? forwarded : forwarded.join(',');
    const key = `${socket.remoteAddress} ${said}`;
    let client = byAddresses.get(key);
    if (client === undefined) {
      client = clientOf(readAddress(socket.remoteAddress, said));
      byAddresses.set(key, client);
    }
    return client;
  };
}
