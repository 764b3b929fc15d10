import { randomUUID } from 'node:crypto';
import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { Fault, FAULTS, toProblem } from '@gantry/oci';
import type { Log } from '@gantry/pipeline';
import { PROBLEM_MEDIA_TYPE } from '@gantry/service';

/** How long the rest of what was sent is taken off the wire, so that the answer is read before the connection ends. */
const LINGER_MS = 2000;

/**
 * Answers what is no request that Node could read, or comes too slowly, with a problem document as all else is, and ends
 * the connection: nobody knows where its next request would begin.
 */
export function answerMalformed(server: Pick<Server, 'on'>, log: Log): void {
  const answers = new WeakMap<Duplex, ServerResponse>();
  server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    answers.set(socket, response);
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    const answer = answers.get(socket);
    const isAnswering = answer?.headersSent === true && !answer.writableFinished;
    if (error.code === 'ECONNRESET' || !socket.writable || isAnswering) {
      socket.destroy();
      return;
    }
    const fault = faultOf(error.code);
    const requestId = randomUUID();
    log.info({ status: FAULTS[fault.code].status, requestId, reason: error.code }, 'request.malformed');
    socket.removeAllListeners('data'); // of Node's parser
    socket.on('data', () => undefined); // what still comes is thrown away
    socket.on('error', () => undefined);
    socket.end(answerText(fault, requestId));
    setTimeout(() => socket.destroy(), LINGER_MS).unref();
  });
}

function faultOf(code: string | undefined): Fault {
  if (code === 'HPE_HEADER_OVERFLOW')
    return new Fault('HEADERS_TOO_LARGE', 'the request line and the headers have more than 16 KiB together');
  if (code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW')
    return new Fault('REQUEST_INVALID', 'the chunks of the body have too long extensions', { at: 'body' });
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return new Fault('REQUEST_TIMEOUT', 'the request did not come in time: send it faster, or in parts');
  return new Fault('REQUEST_INVALID', 'this is no request as HTTP/1.1 has them (RFC 9112)');
}

function answerText(fault: Fault, requestId: string): string {
  const problem = toProblem(fault);
  const body = JSON.stringify(problem);
  return [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    `Content-Type: ${PROBLEM_MEDIA_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Cache-Control: no-store',
    'X-Content-Type-Options: nosniff',
    `X-Request-Id: ${requestId}`,
    'Connection: close',
    '',
    body,
  ].join('\r\n');
}
