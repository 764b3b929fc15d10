import { getCACertificates } from 'node:tls';
import { Fault } from '@gantry/oci';
import { Agent, type Dispatcher, EnvHttpProxyAgent } from 'undici';
import {
  type AddressKind,
  addressKind,
  guardedLookup,
  literalAddress,
  resolveBySystem,
} from './address-guard.ts';
import { metered } from './meter.ts';
import type { Source } from './options.ts';
import { at } from './source-faults.ts';
import type { Trust } from './trust.ts';

/** Small answers have connections of their own, so that no HEAD waits behind a layer. */
export type Lane = 'small' | 'bulk';

/** Connections to the hosts of one source: per host, lane and trust a pool of keep-alive connections. */
export interface Dispatchers {
  get(trust: Trust, lane: Lane): Dispatcher;
  /**
   * Checks the addresses of a name that a proxy will look up, which is out of our hands: as far as it can be looked up here,
   * all of them must be allowed. Without a proxy, the socket's own lookup does that.
   * @throws Fault SOURCE_ADDRESS_REFUSED
   */
  check(trust: Trust, url: URL): Promise<void> | undefined;
  /** Ends all connections, whatever they carry. */
  destroy(): Promise<void>;
}

export function openDispatchers(source: Source): Dispatchers {
  const open = new Map<string, Dispatcher>();
  const resolve = source.resolve ?? resolveBySystem;

  const isAllowed = async (trust: Trust, kind: AddressKind): Promise<boolean> => {
    if (trust === 'own' || trust === 'named' || kind === 'public') return true;
    return trust === 'sibling' && kind !== 'special' && (await registryKinds()).includes(kind);
  };
  const registryKinds = async (): Promise<(AddressKind | undefined)[]> => {
    const literal = literalAddress(source.origin.hostname);
    if (literal !== undefined) return [addressKind(literal)];
    return (await resolve(source.origin.hostname)).map((each) => addressKind(each.address));
  };
  const refused = (hostname: string, addresses: readonly string[]) =>
    new Fault(
      'SOURCE_ADDRESS_REFUSED',
      `${at(source)} led to ${hostname}, whose address ${addresses.join(', ') || '(none)'} is not public: name the host in allow.hosts (allow.realms for tokens) if that is right`,
      { source: source.name, host: hostname },
    );

  const make = (trust: Trust): Dispatcher => {
    const { ca, cert, key } = source.tls;
    const tls = {
      ...(ca === undefined ? {} : { ca: [...getCACertificates('default'), ca] }),
      ...(trust === 'own' && cert !== undefined ? { cert } : {}),
      ...(trust === 'own' && key !== undefined ? { key } : {}),
    };
    const lookup = guardedLookup(resolve, (kind) => isAllowed(trust, kind), refused);
    const options = {
      connections: source.concurrency,
      pipelining: 1,
      allowH2: false, // one connection of HTTP/2 carries less than several of HTTP/1.1
      connectTimeout: source.timeouts.connectMs,
      headersTimeout: source.timeouts.headersMs,
      bodyTimeout: source.timeouts.idleMs,
      connect: { ...tls, ...(source.resolve !== undefined || isGuarded(trust) ? { lookup } : {}) },
    };
    const { https, none } = source.proxy;
    if (https === '') return new Agent(options);
    // HTTPS_PROXY and NO_PROXY alone are honoured. Behind a proxy it is the proxy that resolves names.
    return new EnvHttpProxyAgent({
      ...options,
      httpProxy: '',
      httpsProxy: https,
      noProxy: none,
      requestTls: tls,
    });
  };

  const checkName = async (trust: Trust, hostname: string): Promise<void> => {
    const found = await resolve(hostname).catch(() => []); // such networks may know no names outside
    const addresses = found.map(({ address }) => address);
    for (const address of addresses) {
      if (!(await isAllowed(trust, addressKind(address) ?? 'special'))) throw refused(hostname, addresses);
    }
  };

  return {
    get(trust, lane) {
      const key = `${trust} ${lane}`;
      let dispatcher = open.get(key);
      if (dispatcher === undefined) open.set(key, (dispatcher = metered(make(trust))));
      return dispatcher;
    },
    check(trust, { protocol, hostname }) {
      const isProxied = source.proxy.https !== '' && protocol === 'https:';
      return isProxied && isGuarded(trust) ? checkName(trust, hostname) : undefined;
    },
    async destroy() {
      await Promise.all([...open.values()].map((dispatcher) => dispatcher.destroy()));
      open.clear();
    },
  };
}

/** Whether the addresses of such hosts are checked. */
function isGuarded(trust: Trust): boolean {
  return trust === 'sibling' || trust === 'other';
}
