import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** What is done when a process sends something to its catalog, before it goes on to the server. */
type Watch = (bytes: Buffer) => void | Promise<void>;

/** A way to the catalog that one process has for itself: every step of its work can be seen there, and be its last. */
export interface CatalogTap extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** How many messages have come from the process. */
  sent(): number;
  /** Watches what comes from now on. One at a time; undefined: none. */
  watch(look: Watch | undefined): void;
}

/** @param upstream `127.0.0.1:PORT` */
export async function openCatalogTap(upstream: string): Promise<CatalogTap> {
  const [host = '', port = ''] = upstream.split(':');
  const sockets = new Set<Socket>();
  let sent = 0;
  let watch: Watch | undefined;
  const server = createServer((socket) => {
    const onward = connect(Number(port), host);
    for (const one of [socket, onward]) {
      sockets.add(one);
      one.setNoDelay(true);
      one.once('close', () => sockets.delete(one));
    }
    const counting = new Transform({
      transform(bytes: Buffer, _, pass) {
        sent++;
        Promise.resolve(watch?.(bytes)).then(
          () => pass(null, bytes),
          (error: Error) => pass(error),
        );
      },
    });
    // Either end that goes takes the other with it.
    const end = () => {
      socket.destroy();
      onward.destroy();
    };
    pipeline(socket, counting, onward).then(end, end);
    pipeline(onward, socket).then(end, end);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    sent: () => sent,
    watch: (look) => {
      watch = look;
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await server[Symbol.asyncDispose]();
    },
  };
}
