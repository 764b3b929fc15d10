import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Intercept } from './in-process-registry.ts';

/** An answer of the registry, before it is sent. */
export interface WholeAnswer {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer;
}

/** Sends it, in whichever way. */
type Send = (answer: WholeAnswer, response: ServerResponse, request: IncomingMessage) => void;

/** Lets the registry answer, and has `send` send it. An answer that is no content (a 401, a 404) goes out as it is. */
export function altered(send: Send, method: 'GET' | 'HEAD' = 'GET'): Intercept {
  return (request, response) => {
    if (request.method !== method) return false;
    const writeHead = response.writeHead.bind(response);
    const end = response.end.bind(response);
    let status = 0;
    let headers: OutgoingHttpHeaders = {};
    response.writeHead = (code: number, given?: unknown) => {
      status = code;
      headers = (given ?? {}) as OutgoingHttpHeaders;
      return response;
    };
    response.end = (given?: unknown) => {
      Object.assign(response, { writeHead, end });
      const body = Buffer.isBuffer(given) ? given : Buffer.alloc(0);
      if (status === 200 || status === 206) send({ status, headers, body }, response, request);
      else response.writeHead(status, headers).end(given);
      return response;
    };
    return false;
  };
}
