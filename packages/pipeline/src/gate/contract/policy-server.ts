import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

/** A policy service on loopback, which does with each question what its test says. */
export interface PolicyServer extends AsyncDisposable {
  /** The address of its one rule. */
  readonly url: string;
  /** What it was asked, in order. */
  readonly asked: readonly { readonly headers: IncomingHttpHeaders; readonly body: unknown }[];
  /** What it does from now on. */
  behave: (response: ServerResponse, asked: unknown) => void;
  /** Listens no more, until it is started again on the same port. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** Answers with a status and a body. */
export function answering(
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): (response: ServerResponse) => void {
  return (response) => {
    response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };
}

/** Starts one that says yes. */
export async function startPolicyServer(): Promise<PolicyServer> {
  const asked: { headers: IncomingHttpHeaders; body: unknown }[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const body = await json(request);
    asked.push({ headers: request.headers, body });
    policy.behave(response, body);
  };
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  const listen = (port: number) =>
    new Promise<void>((resolve) => void server.listen(port, '127.0.0.1', resolve));
  const stop = async () => {
    const closed = new Promise((resolve) => void server.close(resolve));
    server.closeAllConnections();
    await closed;
  };
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const policy: PolicyServer = {
    url: `http://127.0.0.1:${port}/v1/data/gantry/allow`,
    asked,
    behave: answering(200, { result: true }),
    stop,
    start: () => listen(port),
    [Symbol.asyncDispose]: stop,
  };
  return policy;
}
