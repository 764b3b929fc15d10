import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

/**
 * Ports of 127.0.0.1 that nobody listens on, all different. The kernel hands out ephemeral ports in no fixed order, so
 * that another process takes one of them in between is possible, but rare.
 */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(async (server) => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      server.once('error', reject).listen(0, '127.0.0.1', resolve);
      await promise;
      return (server.address() as AddressInfo).port;
    }),
  );
  await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
  return ports;
}

export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  return port as number;
}
