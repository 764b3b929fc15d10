import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { Server as SecureServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { createTlsServer, SERVER_LIMITS } from '@gantry/service';
import { WRONG_METHOD } from './answer/refusals.ts';
import type { CraneOptions } from './options.ts';

const MAX_HEADER_BYTES = 16 * 1024;
const MAX_HEADERS = 100;
/** A connection on which nothing moves for so long is closed. */
const SOCKET_SILENCE_MS = 60_000;

/** A body is of no use here, so that a request as a whole has no more time than its head. */
const REQUEST_MS = SERVER_LIMITS.headersTimeout;

const LIMITS = {
  ...SERVER_LIMITS,
  requestTimeout: REQUEST_MS,
  // Node would set a timer at the end of each answer; the one that a connection has anyway does as well.
  keepAliveTimeout: 0,
  maxHeaderSize: MAX_HEADER_BYTES,
  optimizeEmptyRequests: true,
};

/** The server that pulls are answered by, not listening yet. */
export interface PublicServer {
  readonly server: Server | SecureServer;
  /** Takes the certificate from its files anew. @throws Fault CONFIGURATION_INVALID for one that can not be used: the former one stays */
  readonly reload: () => Promise<void>;
}

/**
 * @throws Fault CONFIGURATION_INVALID for a certificate that can not be used
 */
export async function publicServer(
  { tls, private: guarded }: Pick<CraneOptions, 'tls' | 'private'>,
  listener: RequestListener,
  Request: typeof IncomingMessage,
): Promise<PublicServer> {
  if (tls === undefined)
    return {
      server: limited(createServer({ ...LIMITS, IncomingMessage: Request }, listener)),
      reload: () => Promise.resolve(),
    };
  // Who issued a client's certificate is looked at with the request, as it is for those that proxies hand on.
  const asks = { requestCert: guarded?.certificates !== undefined, rejectUnauthorized: false };
  const secure = await createTlsServer(
    { ...LIMITS, ...asks, IncomingMessage: Request },
    tls,
    'crane.tls',
    listener,
  );
  return { server: limited(secure.server), reload: () => secure.reload() };
}

function limited<S extends Server | SecureServer>(server: S): S {
  server.timeout = SOCKET_SILENCE_MS;
  server.maxHeadersCount = MAX_HEADERS;
  server.on('connect', refuseConnect);
  return server;
}

/** A method as any other that is refused; but node:http hands it over as a bare connection, and without this just closes it. */
function refuseConnect(_: IncomingMessage, connection: Duplex): void {
  connection.on('error', () => undefined); // whoever asked has gone
  const { headers, body } = WRONG_METHOD;
  const lines = headers.flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${headers[at + 1]}\r\n`] : []));
  const text = body.from === 'memory' ? String(body.bytes) : '';
  const head = `HTTP/1.1 405 Method Not Allowed\r\n${lines.join('')}Connection: close\r\n\r\n`;
  connection.end(head + text, () => connection.destroy());
}
