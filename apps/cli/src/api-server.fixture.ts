import { createServer, type IncomingHttpHeaders } from 'node:http';
import { json } from 'node:stream/consumers';
import { Fault, toProblem } from '@gantry/oci';
import { listen } from '@gantry/service';
import type { PlanAnswer, PromotionAnswer, TaskAnswer } from './answers.ts';

/** A request as the server got it. */
export interface ApiRequest {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** All values of the parameter `id`. */
  readonly ids: readonly string[];
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
}

/** What the server answers; a thrown Fault becomes its problem document. */
export interface ApiAnswer {
  readonly status?: number;
  readonly body?: unknown;
  /** Not JSON, then. */
  readonly contentType?: string;
  /** Sent as a stream of events instead of the body, until there are no more. */
  readonly events?: Iterable<unknown> | AsyncIterable<unknown>;
}

export interface ApiServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly requests: ApiRequest[];
  /** `METHOD path` of each request. */
  calls(): string[];
}

/** A server on loopback that answers as a test says: `answer` is looked up by `METHOD path`. */
export async function startApiServer(
  answers: Readonly<Record<string, (request: ApiRequest) => ApiAnswer | 'hang up'>>,
  port = 0,
): Promise<ApiServer> {
  const requests: ApiRequest[] = [];
  const server = createServer(async (incoming, response) => {
    const url = new URL(incoming.url ?? '', 'http://server');
    const { method = '', headers } = incoming;
    const body = method === 'POST' ? await json(incoming) : undefined;
    const request = {
      method,
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      ids: url.searchParams.getAll('id'),
      headers,
      body,
    };
    requests.push(request);
    const send = (status: number, contentType: string, text: string) =>
      response.writeHead(status, { 'Content-Type': contentType, Connection: 'close' }).end(text);
    try {
      const answer = answers[`${method} ${url.pathname}`];
      if (answer === undefined) throw new Fault('ROUTE_UNKNOWN', `there is no ${method} ${url.pathname}`);
      const given = answer(request);
      if (given === 'hang up') incoming.socket.destroy();
      else if (given.events !== undefined) {
        response.writeHead(200, { 'Content-Type': 'text/event-stream', Connection: 'close' });
        for await (const record of given.events) response.write(`data: ${JSON.stringify(record)}\n\n`);
        response.end();
      } else if (given.contentType !== undefined)
        send(given.status ?? 200, given.contentType, String(given.body));
      else send(given.status ?? 200, 'application/json', JSON.stringify(given.body) ?? '');
    } catch (error) {
      const problem = toProblem(error);
      send(problem.status, 'application/problem+json', JSON.stringify(problem));
    }
  });
  const running = await listen(server, { host: '127.0.0.1', port }, 'test');
  return {
    url: running.url,
    port: running.address.port,
    requests,
    calls: () => requests.map(({ method, path }) => `${method} ${path}`),
    [Symbol.asyncDispose]: () => running.close(0),
  };
}

export function task(changes: Partial<TaskAnswer> = {}): TaskAnswer {
  return {
    id: 't1',
    kind: 'sync',
    state: 'done',
    parameters: { source: 'candidates' },
    progress: { bytes: 52_400_000, blobs: 3, tags: 2 },
    errors: [],
    result: null,
    ...changes,
  };
}

export const DIGEST = `sha256:${'a'.repeat(64)}`;
export const OTHER_DIGEST = `sha256:${'b'.repeat(64)}`;

export function promotion(changes: Partial<PromotionAnswer> = {}): PromotionAnswer {
  return {
    id: 'p1',
    state: 'done',
    to: 'stable',
    items: [{ repository: 'a/b', reference: '1.0', digest: DIGEST, tags: ['1.0'], state: 'done' }],
    gates: [],
    serial: 42,
    error: null,
    ...changes,
  };
}

export function plan(changes: Partial<PlanAnswer> = {}): PlanAnswer {
  return {
    id: 'plan1',
    etag: OTHER_DIGEST,
    to: 'stable',
    atomic: false,
    items: [],
    totals: { adds: 0, moves: 0, noops: 0, refusals: 0, objects: 0, bytes: 0 },
    expiresAt: '2026-11-22T09:00:00.000Z',
    ...changes,
  };
}
