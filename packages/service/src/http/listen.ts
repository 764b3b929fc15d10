import { once } from 'node:events';
import type { Server, ServerOptions } from 'node:http';
import { Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { Fault } from '@gantry/oci';
import { formatListenAddress, type ListenAddress, localUrl } from '../configuration/listen-address.ts';

/** Time limits for `http.createServer`: whoever sends a request too slowly is cut off. A response may take its time. */
export const SERVER_LIMITS = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 20_000,
  connectionsCheckingInterval: 5000,
} as const satisfies ServerOptions;

/** How long answers under way may take at the end. */
const DRAIN_LIMIT_MS = 10_000;
const DRAIN_CHECK_MS = 50;

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'something else listens there',
  EACCES: 'this user may not: ports below 1024 are for root',
  EADDRNOTAVAIL: 'this machine has no such address',
  ENOTFOUND: 'this host has no address',
  EAI_AGAIN: 'this host has no address at present',
};

/** A server that accepts connections. */
export interface RunningServer extends AsyncDisposable {
  /** With the port that the system chose where 0 was asked for. */
  readonly address: ListenAddress;
  /** How a process on this machine reaches it: `http://127.0.0.1:5090`, or `https://…` with TLS. */
  readonly url: string;
  /** Takes no more connections, lets answers under way end for at most `limitMs` (10 s), then cuts them off. */
  close(limitMs?: number): Promise<void>;
}

/**
 * Starts to listen. Disposing of the result closes it in an orderly way.
 * @param keyName the key of the configuration that the address comes from
 * @throws Fault CONFIGURATION_INVALID, naming address and key, when that can not be
 */
export async function listen(
  server: Server | TlsServer,
  address: ListenAddress,
  keyName: string,
): Promise<RunningServer> {
  server.listen({ host: address.host, port: address.port });
  try {
    await once(server, 'listening');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
    const shown = formatListenAddress(address);
    throw new Fault(
      'CONFIGURATION_INVALID',
      `can not listen on ${shown}: ${REASONS[code] ?? code}; choose another address as ${keyName}`,
      { address: shown, key: keyName },
      { cause },
    );
  }
  const { port } = server.address() as AddressInfo;
  const bound = { host: address.host, port };
  let closing: Promise<void> | undefined;
  const close = (limitMs = DRAIN_LIMIT_MS) => (closing ??= closeInOrder(server, limitMs));
  const url = localUrl(bound, server instanceof TlsServer ? 'https' : 'http');
  return { address: bound, url, close, [Symbol.asyncDispose]: () => close() };
}

async function closeInOrder(server: Server | TlsServer, limitMs: number): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  // A connection that is kept alive becomes idle when its answer ends, after this call: look again.
  const idle = setInterval(() => server.closeIdleConnections(), DRAIN_CHECK_MS);
  const late = setTimeout(() => server.closeAllConnections(), limitMs);
  try {
    await closed;
  } finally {
    clearInterval(idle);
    clearTimeout(late);
  }
}
