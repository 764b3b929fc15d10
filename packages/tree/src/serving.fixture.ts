import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import type { AddressInfo } from 'node:net';
import { directoryTree } from './directory-source.ts';
import { contentTypeOf } from './paths.ts';

/** A web server on loopback, for the tests of this package. */
export interface TestServer extends AsyncDisposable {
  readonly url: string;
  /** `GET /path` of each request so far. */
  readonly requests: readonly string[];
}

/** Serves with `answer` until it is disposed of. */
export async function serve(
  answer: (request: IncomingMessage, response: ServerResponse) => void | Promise<void>,
): Promise<TestServer> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    void answer(request, response);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

/** Serves the tree in a directory below `/tree`, with the right types or with `contentType` for all. */
export async function serveTree(directory: string, contentType?: string): Promise<TestServer> {
  const source = directoryTree(directory);
  return serve(async (request, response) => {
    const path = (request.url ?? '').replace('/tree/', '');
    const stream = await source.open(path);
    if (stream === undefined) {
      response.writeHead(404).end('no such file');
      return;
    }
    const whole = await text(stream);
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
    const body = first === undefined ? whole : whole.slice(Number(first), Number(last) + 1);
    response.writeHead(first === undefined ? 200 : 206, {
      'content-type': contentType ?? contentTypeOf(path) ?? 'application/octet-stream',
      'content-length': Buffer.byteLength(body),
      ...(first === undefined
        ? {}
        : { 'content-range': `bytes ${first}-${last}/${Buffer.byteLength(whole)}` }),
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  });
}
