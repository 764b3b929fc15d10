import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { LRUCache } from 'lru-cache';
import { hexWord } from '../repositories/bytes.ts';
import type { CameBack, Client, SentFor } from '../choose/choose-mirror.ts';
import { fnv1a } from '../fnv1a.ts';
import { type ClientPlace, type Nearness, nearness } from '../choose/nearness.ts';
import { RecentRedirects } from '../choose/recent-redirects.ts';
import type { Mirror } from '../choose/mirror.ts';
import { type Address, createTrustedProxies, formatAddress, type Network } from '@gantry/service';

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
 * Knows whom a request comes from. What was found out of an address is kept. Who came by https, to the crane itself or to a
 * trusted proxy, is sent to https mirrors alone.
 */
export type Clients = (request: IncomingMessage) => Client;

const CLIENTS_KEPT = 10_000;
/** Room for an address of a client and those of two proxies. */
const MAX_HEADER_KEPT = 128;

export function createClients({ mirrors, trustedProxies, findPlace, onCameBack }: ClientsOptions): Clients {
  const near = nearness(mirrors);
  const recent = new RecentRedirects();
  const proxies = createTrustedProxies(trustedProxies);

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
      isHttps,
      place,
      pools: nearFor(isHttps).poolsFor(place),
      ...(onCameBack !== undefined && { cameBackFrom: onCameBack }),
      sentBefore: (object) => recent.mirrors(word, wordOf(object), Date.now()),
      sendTo: (object, member) => recent.note(word, wordOf(object), member, Date.now()),
    };
  };

  const connectionOf = (socket: Socket): Connection => {
    const peer = socket.remoteAddress;
    const address = proxies.clientAddress(peer, undefined);
    const isHttps = 'encrypted' in socket;
    const client = clientOf(address, isHttps);
    return { peer, client, isProxy: address !== undefined && proxies.includes(address) };
  };

  // A connection is one client's, unless a proxy stands before it.
  const byConnection = new WeakMap<Socket, Connection>();
  const byAddress = new LRUCache<string, Client>({ max: CLIENTS_KEPT });
  // What is read once of a header, which a client may make as long as it likes: just a short one is kept.
  const byHeader = new LRUCache<string, Client>({ max: CLIENTS_KEPT });

  const clientAt = (address: Address | undefined, isHttps: boolean): Client => {
    const key = `${isHttps} ${address?.words.join(' ')}`;
    let client = byAddress.get(key);
    if (client === undefined) byAddress.set(key, (client = clientOf(address, isHttps)));
    return client;
  };
  const clientBehind = (
    peer: string | undefined,
    forwarded: string | undefined,
    isHttps: boolean,
  ): Client => {
    if (forwarded !== undefined && forwarded.length > MAX_HEADER_KEPT)
      return clientAt(proxies.clientAddress(peer, forwarded), isHttps);
    const key = `${peer} ${isHttps} ${forwarded}`;
    let client = byHeader.get(key);
    if (client === undefined)
      byHeader.set(key, (client = clientAt(proxies.clientAddress(peer, forwarded), isHttps)));
    return client;
  };

  return (request) => {
    const { socket } = request;
    let connection = byConnection.get(socket);
    if (connection === undefined) byConnection.set(socket, (connection = connectionOf(socket)));
    const { peer, client, isProxy } = connection;
    if (!isProxy) return client;
    // node:http joins all lines of either.
    const forwarded = request.headers['x-forwarded-for'] as string | undefined;
    const protocol = request.headers['x-forwarded-proto'] as string | undefined;
    if (forwarded === undefined && protocol === undefined) return client;
    const isHttps = client.isHttps === true || (protocol !== undefined && /\bhttps\b/i.test(protocol));
    return clientBehind(peer, forwarded, isHttps);
  };
}

/** What is known of a connection as long as it lasts. */
interface Connection {
  /** Its other end. */
  readonly peer: string | undefined;
  /** Whom the other end is, if it asks for itself. */
  readonly client: Client;
  /** Whether it is believed whom it asks for. */
  readonly isProxy: boolean;
}

function wordOf({ digest, repository, byParts }: SentFor): number {
  const word = hexWord(digest, digest.indexOf(':') + 1) ^ fnv1a(repository);
  return byParts === true ? ~word : word;
}
