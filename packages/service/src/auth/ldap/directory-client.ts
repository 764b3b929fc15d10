import { connect as connectPlain, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, getCACertificates, type TLSSocket } from 'node:tls';
import { Client } from 'ldapts';

export interface DirectoryAddress {
  readonly url: string;
  readonly startTls: boolean;
  /** Certificates that the server is known by, beside the usual ones; PEM. */
  readonly ca?: string;
}

/**
 * Works on one connection to a directory, for so long at the most, and ends it. A connection that is lost is not made
 * again: what was bound or encrypted on the first would not be on a second.
 */
export async function withDirectory<T>(
  address: DirectoryAddress,
  timeoutMs: number,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const sockets: Socket[] = [];
  const client = createClient(address, timeoutMs, sockets);
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs / 1000} s`)), timeoutMs);
  const working = (async () => {
    if (address.startTls) await client.startTLS(tlsOptions(address));
    return await work(client);
  })();
  working.catch(() => undefined); // it may fail once nobody waits for it any more
  try {
    return await Promise.race([working, late]);
  } finally {
    clearTimeout(timer);
    for (const socket of sockets) socket.destroy();
  }
}

function createClient(address: DirectoryAddress, timeoutMs: number, sockets: Socket[]): Client {
  const once = <Arguments extends unknown[], Made extends Socket>(make: (...all: Arguments) => Made) => {
    let isMade = false;
    return (...all: Arguments): Made => {
      if (isMade) throw new Error('the connection was lost');
      isMade = true;
      const socket = make(...all);
      sockets.push(socket);
      return socket;
    };
  };
  return new Client({
    url: address.url,
    timeout: timeoutMs,
    connectTimeout: timeoutMs,
    createConnection: once(connectPlain as (...all: unknown[]) => Socket),
    createSecureConnection: once(connectTls as (...all: unknown[]) => TLSSocket),
    ...(/^ldaps:/i.test(address.url) && { tlsOptions: tlsOptions(address) }),
  });
}

/** The certificate must be of the host that was asked for. */
function tlsOptions({ url, ca }: DirectoryAddress): ConnectionOptions {
  const host = new URL(url).hostname.replace(/^\[|\]$/g, '');
  return {
    host,
    ...(isIP(host) === 0 && { servername: host }),
    ...(ca !== undefined && { ca: [...getCACertificates('default'), ca] }),
  };
}
