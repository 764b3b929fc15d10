import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Digest } from '@gantry/oci';
import { altered, type WholeAnswer } from './altered.ts';
import { answerError } from './answers.ts';
import type { InProcessRegistry, Intercept } from './in-process-registry.ts';

/** Ways in which a registry fails, each usable as `intercept` of an in-process registry, for tests of what stands it. */

/** Which requests a fault is for; all by default. */
export interface Which {
  readonly method?: 'GET' | 'HEAD';
  /** What the path with its query must match. */
  readonly path?: RegExp;
  /** Just those that carry an Authorization, or just those that don't. */
  readonly authorized?: boolean;
  /** How many that match are let through before. */
  readonly skip?: number;
  /** How many, after those. */
  readonly times?: number;
}

/** The fault for some requests; the others are answered as ever. */
export function only(which: Which, fault: Intercept): Intercept {
  const { method, path, authorized, skip = 0, times = Number.POSITIVE_INFINITY } = which;
  let count = 0;
  return (request, response) => {
    if (method !== undefined && request.method !== method) return false;
    if (path !== undefined && !path.test(request.url ?? '')) return false;
    const isAuthorized = request.headers.authorization !== undefined;
    if (authorized !== undefined && isAuthorized !== authorized) return false;
    count++;
    return count > skip && count <= skip + times && fault(request, response);
  };
}

/** Several faults, of which the first that answers a request does so. */
export function several(...faults: readonly Intercept[]): Intercept {
  return (request, response) => faults.some((fault) => fault(request, response));
}

/** Closes the connection after so many bytes of a content, whatever Content-Length said. */
export function cut(afterBytes: number): Intercept {
  return altered(({ status, headers, body }, response, { socket }) => {
    sendPart(response.writeHead(status, headers), body.subarray(0, afterBytes), () => socket.end());
  });
}

/** Sends so many bytes of a content, and then nothing, over a connection that stays open. */
export function stall(afterBytes: number): Intercept {
  return altered(({ status, headers, body }, response) => {
    sendPart(response.writeHead(status, headers), body.subarray(0, afterBytes), () => undefined);
  });
}

/** A content of the right length, with one byte in its middle turned over. */
export function wrongBytes(): Intercept {
  return altered(({ status, headers, body }, response) => {
    const wrong = Buffer.from(body);
    const middle = body.length >> 1;
    if (body.length > 0) wrong[middle] = (body[middle] ?? 0) ^ 0xff;
    response.writeHead(status, headers).end(wrong);
  });
}

/** How the end of a body is told: by a Content-Length that is right for what is sent, or by the last chunk. */
type Framing = 'length' | 'chunked';

/** A content that lacks its last bytes. */
export function shorter(byBytes = 1, framing: Framing = 'length'): Intercept {
  return altered((answer, response) =>
    sendFramed(answer, response, answer.body.subarray(0, Math.max(0, answer.body.length - byBytes)), framing),
  );
}

/** A content with bytes after its end. */
export function longer(byBytes = 1, framing: Framing = 'length'): Intercept {
  return altered((answer, response) =>
    sendFramed(answer, response, Buffer.concat([answer.body, Buffer.alloc(byBytes, 'x')]), framing),
  );
}

/** A content whose Content-Length is off by so many bytes, to either side. The connection is closed after it. */
export function wrongLength(byBytes: number): Intercept {
  return altered(({ status, headers, body }, response, { socket }) => {
    const said = Math.max(0, body.length + byBytes);
    response.writeHead(status, { ...headers, 'content-length': said, connection: 'close' });
    sendPart(response, body, () => socket.end());
  });
}

/** A content that has no end. It goes on as long as somebody reads. */
export function endless(): Intercept {
  return altered(({ status, headers }, response) => {
    const { 'content-length': _, ...rest } = headers;
    response.writeHead(status, rest);
    const chunk = Buffer.alloc(65_536, 'x');
    const more = () => {
      while (!response.destroyed && response.write(chunk));
    };
    response.on('drain', more);
    more();
  });
}

/** A content that comes with other headers too, or instead: a Content-Encoding, a digest, what is left of a quota. */
export function withHeaders(more: OutgoingHttpHeaders): Intercept {
  return altered(({ status, headers, body }, response) => {
    response.writeHead(status, { ...headers, ...more }).end(body);
  });
}

/** Closes the connection instead of an answer. */
export function dropped(): Intercept {
  return (request) => {
    request.socket.destroy();
    return true;
  };
}

/** An error of the specification, for the first so many requests. */
export function errors(times: number, status = 500): Intercept {
  return only({ times }, (request, response) => {
    answerError(request, response, { status, code: 'UNKNOWN', message: 'something is broken' });
    return true;
  });
}

/**
 * Too many requests.
 * @param retryAfter seconds, or a date (RFC 9110, section 10.2.3); absent: the header is not sent
 */
export function tooMany(retryAfter?: number | Date, status: 429 | 503 = 429): Intercept {
  return (request, response) => {
    const value = retryAfter instanceof Date ? retryAfter.toUTCString() : retryAfter?.toString();
    const headers: Record<string, string> = value === undefined ? {} : { 'retry-after': value };
    answerError(request, response, { status, code: 'TOOMANYREQUESTS', message: 'come back later', headers });
    return true;
  };
}

/** Sends elsewhere. */
export function redirectTo(location: string, status: 301 | 302 | 303 | 307 | 308 = 307): Intercept {
  return (_, response) => {
    response.writeHead(status, { location, 'content-length': 0 }).end();
    return true;
  };
}

/** Sends to where clouds keep the credentials of their machines. */
export function redirectToMetadata(): Intercept {
  return redirectTo('http://169.254.169.254/latest/meta-data/iam/security-credentials/');
}

/** Sends back to where the request came from. */
export function redirectLoop(): Intercept {
  return (request, response) => redirectTo(request.url ?? '/')(request, response);
}

/** Sends from one address to the next, so many times, before the registry answers. */
export function redirectHops(hops: number): Intercept {
  return (request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const hop = Number(url.searchParams.get('hop') ?? 0);
    if (hop >= hops) return false;
    url.searchParams.set('hop', String(hop + 1));
    return redirectTo(url.pathname + url.search)(request, response);
  };
}

/** Moves a tag to another manifest, once a HEAD has told where it was. The registry is asked for when it is needed. */
export function movesAfterHead(
  registry: () => InProcessRegistry,
  repository: string,
  tag: string,
  digest: Digest,
): Intercept {
  return afterHead(repository, tag, () => registry().putTag(repository, tag, digest));
}

/** Deletes a manifest, once a HEAD of the tag or digest has told of it. */
export function goesAfterHead(
  registry: () => InProcessRegistry,
  repository: string,
  reference: string,
  digest: Digest,
): Intercept {
  return afterHead(repository, reference, () => registry().deleteManifest(repository, digest));
}

function afterHead(repository: string, reference: string, action: () => void): Intercept {
  const isIt = (request: IncomingMessage) => request.url === `/v2/${repository}/manifests/${reference}`;
  const change = altered(({ status, headers, body }, response) => {
    action();
    response.writeHead(status, headers).end(body);
  }, 'HEAD');
  return (request, response) => isIt(request) && change(request, response);
}

/** A body's first bytes, none of them too. @param sent called once they are on their way */
function sendPart(response: ServerResponse, part: Buffer, sent: () => void): void {
  response.flushHeaders();
  if (part.length > 0) response.write(part, sent);
  else setImmediate(sent);
}

function sendFramed(
  { status, headers }: WholeAnswer,
  response: ServerResponse,
  body: Buffer,
  framing: Framing,
): void {
  const { 'content-length': _, ...rest } = headers;
  if (framing === 'length') {
    response.writeHead(status, { ...rest, 'content-length': body.length }).end(body);
    return;
  }
  response.writeHead(status, rest).write(body);
  response.end();
}
