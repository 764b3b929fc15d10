import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';

export interface Served extends AsyncDisposable {
  readonly port: number;
  /** With the host's address. */
  readonly url: string;
  /** What came in: the method, the URL and all headers. */
  readonly seen: { method: string; url: string; headers: IncomingHttpHeaders }[];
}

/** A server on loopback that writes down what it is asked. With `tls`, over TLS. */
export async function serve(listener: RequestListener, tls?: ServerOptions): Promise<Served> {
  const seen: Served['seen'] = [];
  const recording: RequestListener = (request, response) => {
    seen.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers });
    return listener(request, response);
  };
  const server = tls === undefined ? createServer(recording) : createTlsServer(tls, recording);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    seen,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => void server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
