import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as send,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** What may go wrong with a request to an S3 server. */
export type Mischief =
  /** 503 SlowDown, before the request reaches the server. */
  | 'slow down'
  /** 500 InternalError, before the request reaches the server. */
  | 'internal error'
  /** 403 AccessDenied, before the request reaches the server. */
  | 'access denied'
  /** 501 NotImplemented, before the request reaches the server. */
  | 'not implemented'
  /** The server gets half of the body, then both connections are cut. */
  | 'cut the request'
  /** One bit of the body is another one when it arrives. */
  | 'damage the request'
  /** The server does as it is told, and the client is cut off instead of getting the answer. */
  | 'lose the answer'
  /** The client gets half of the answer's body, then it is cut off. */
  | 'cut the answer';

/** A request as the proxy sees it. */
export interface S3Request {
  readonly method: string;
  /** `/bucket/key` */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** How often this method came for this path and query, this time included. */
  readonly repetition: number;
}

/** A proxy before an S3 server that lets most requests through as they are: signatures stay valid, as Host is kept. */
export interface FaultyS3 extends AsyncDisposable {
  readonly url: string;
  /** Every request so far, with what was done to it. */
  readonly seen: readonly (S3Request & { readonly mischief: Mischief | undefined })[];
}

/** @param decide what is done to a request; undefined: nothing */
export async function startFaultyS3(
  upstream: string,
  decide: (request: S3Request) => Mischief | undefined,
): Promise<FaultyS3> {
  const target = new URL(upstream);
  const seen: (S3Request & { mischief: Mischief | undefined })[] = [];
  const times = new Map<string, number>();
  const server = createServer((incoming, outgoing) => {
    const { method = '', url = '/', headers } = incoming;
    const repetition = (times.get(`${method} ${url}`) ?? 0) + 1;
    times.set(`${method} ${url}`, repetition);
    const { pathname, searchParams } = new URL(url, upstream);
    const request = { method, path: pathname, query: searchParams, headers, repetition };
    const mischief = decide(request);
    seen.push({ ...request, mischief });
    forward(incoming, outgoing, target, mischief).catch(() => outgoing.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await server[Symbol.asyncDispose]();
    },
  };
}

const REFUSALS = {
  'slow down': [503, 'SlowDown'],
  'internal error': [500, 'InternalError'],
  'access denied': [403, 'AccessDenied'],
  'not implemented': [501, 'NotImplemented'],
} as const;

async function forward(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { hostname, port }: URL,
  mischief: Mischief | undefined,
): Promise<void> {
  const body = await buffer(incoming);
  if (mischief !== undefined && mischief in REFUSALS) {
    const [status, code] = REFUSALS[mischief as keyof typeof REFUSALS];
    outgoing.writeHead(status, { 'Content-Type': 'application/xml' });
    outgoing.end(
      `<?xml version="1.0"?><Error><Code>${code}</Code><Message>as the test wants it</Message></Error>`,
    );
    return;
  }
  if (mischief === 'damage the request')
    body.writeUInt8(body.readUInt8(body.length >> 1) ^ 1, body.length >> 1);
  const { method, url, rawHeaders } = incoming;
  const forwarded = send({ hostname, port, method, path: url, headers: rawHeaders, agent: false });
  forwarded.on('error', () => outgoing.destroy());
  if (mischief === 'cut the request') {
    forwarded.flushHeaders();
    forwarded.write(body.subarray(0, body.length >> 1), () => {
      forwarded.destroy();
      outgoing.destroy();
    });
    return;
  }
  forwarded.end(body);
  const [answer] = (await once(forwarded, 'response')) as [IncomingMessage];
  const answered = await buffer(answer);
  if (mischief === 'lose the answer') {
    outgoing.destroy();
    return;
  }
  outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
  if (mischief === 'cut the answer') {
    outgoing.write(answered.subarray(0, answered.length >> 1), () => outgoing.destroy());
    return;
  }
  outgoing.end(answered);
}
