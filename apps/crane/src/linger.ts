import type { Server } from 'node:http';
import type { Server as SecureServer } from 'node:https';
import { setTimeout as pause } from 'node:timers/promises';

/** How long a connection that is kept has for one more request. Who is busy sends one within milliseconds. */
const LINGER_MS = 500;
const LOOK_EVERY_MS = 20;

/**
 * Waits until no connection is left, for half a second at the most. To close those that are idle at once would lose the
 * requests that are just on their way to us; meanwhile each is answered, and told that it was the last one.
 */
export async function linger(server: Server | SecureServer): Promise<void> {
  const until = performance.now() + LINGER_MS;
  while (performance.now() < until && (await connectionsOf(server)) > 0) await pause(LOOK_EVERY_MS);
}

function connectionsOf(server: Server | SecureServer): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  server.getConnections((error, count) => resolve(error === null ? count : 0));
  return promise;
}
