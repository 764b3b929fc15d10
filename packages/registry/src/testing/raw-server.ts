import { createServer, type AddressInfo, type Socket } from 'node:net';

/**
 * A server on loopback that answers each request with bytes as they are, be they HTTP or not.
 * @param answer the bytes for the request of this number, from 1 on
 */
export async function serveRaw(
  answer: (number: number) => string | Buffer,
): Promise<AsyncDisposable & { readonly url: string; readonly requests: readonly string[] }> {
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    socket.setEncoding('latin1');
    let head = '';
    socket.on('data', (chunk: string) => {
      head += chunk;
      for (let end = head.indexOf('\r\n\r\n'); end >= 0; end = head.indexOf('\r\n\r\n')) {
        requests.push(head.slice(0, end));
        head = head.slice(end + 4);
        socket.write(answer(requests.length));
      }
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => void server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
