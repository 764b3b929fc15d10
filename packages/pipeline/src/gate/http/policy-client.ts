import { getCACertificates } from 'node:tls';
import { unlessAborted } from '@gantry/oci';
import { Agent } from 'undici';
import type { HttpRule } from '../configuration.ts';

const ANSWER_MAX_BYTES = 1024 * 1024;
const CONNECTIONS = 16;

/** What came back: an answer, or none at all. */
export type Exchange =
  | { readonly status: number; readonly body: Buffer | undefined; readonly retryAfterMs?: number }
  /** `why` follows the service's name: `refuses the connection`. */
  | { readonly failed: string; readonly passing: boolean };

/** Asks one HTTP service. Its connections are kept for the next question, and keep no process alive. */
export type PolicyClient = (input: unknown, signal: AbortSignal) => Promise<Exchange>;

/** A client that sends each question once and follows no redirect: who may say yes is named by the configuration alone. */
export function createPolicyClient({ url, timeoutMs, token, ca }: HttpRule): PolicyClient {
  const agent = new Agent({
    connections: CONNECTIONS,
    pipelining: 1,
    allowH2: false,
    connectTimeout: timeoutMs,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    ...(ca === undefined ? {} : { connect: { ca: [...getCACertificates('default'), ca] } }),
  });
  const { origin, pathname, search } = new URL(url);

  return async (input, signal) => {
    // One limit for all of it: who sends a byte now and then is late as well.
    const inTime = AbortSignal.timeout(timeoutMs);
    const ending = AbortSignal.any([signal, inTime]);
    try {
      const asked = agent.request({
        origin,
        path: pathname + search,
        method: 'POST',
        headers: {
          accept: 'application/json',
          'content-type': 'application/json',
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
        body: JSON.stringify({ input }),
        signal: ending,
      });
      // undici would heed the signal of a request that waits for a connection only once it has one.
      const { statusCode: status, headers, body } = await unlessAborted(asked, ending);
      if (status !== 200) {
        body.on('error', () => undefined).destroy();
        const retryAfterMs = readRetryAfter(headers['retry-after']);
        return { status, body: undefined, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
      }
      return { status, body: await readBody(body) };
    } catch (error) {
      signal.throwIfAborted();
      if (inTime.aborted) return { failed: `does not answer within ${timeoutMs / 1000} s`, passing: true };
      return describe(error);
    }
  };
}

/** undefined: it has more bytes than an answer may have. */
async function readBody(body: AsyncIterable<Buffer>): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > ANSWER_MAX_BYTES) return undefined; // leaving the loop destroys the body
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Seconds alone: who sends a date is asked again as anybody else. */
function readRetryAfter(value: string | string[] | undefined): number | undefined {
  return typeof value === 'string' && /^\d{1,6}$/.test(value) ? Number(value) * 1000 : undefined;
}

const NETWORK: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refuses the connection',
  ECONNRESET: 'broke the connection',
  EPIPE: 'broke the connection',
  UND_ERR_SOCKET: 'broke the connection',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'broke the connection',
  ETIMEDOUT: 'does not answer in time',
  UND_ERR_CONNECT_TIMEOUT: 'does not answer in time',
  UND_ERR_HEADERS_TIMEOUT: 'does not answer in time',
  UND_ERR_BODY_TIMEOUT: 'does not answer in time',
  EHOSTUNREACH: 'can not be reached',
  ENETUNREACH: 'can not be reached',
  EAI_AGAIN: 'can not be looked up just now',
  ENOTFOUND: 'has a name that the resolver does not know',
};

/** What a socket or undici raised. Its own message may hold what came, so only its code is told. */
function describe(error: unknown): Exchange {
  const code = codeOf(error);
  const known = Object.hasOwn(NETWORK, code) ? NETWORK[code] : undefined;
  if (known !== undefined) return { failed: known, passing: true };
  if (/^(?:HPE_|UND_ERR_HEADERS_OVERFLOW)/.test(code))
    return { failed: 'does not speak HTTP here', passing: false };
  if (/^(?:ERR_TLS_|CERT_|DEPTH_ZERO|UNABLE_TO_)|SELF_SIGNED/.test(code))
    return {
      failed: `has a certificate that is not trusted here (${code}): name its authority in caFile`,
      passing: false,
    };
  return { failed: `can not be asked (${code})`, passing: false };
}

function codeOf(error: unknown): string {
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  if (!(error instanceof Error)) return 'no error';
  if (error.name === 'HTTPParserError') return 'HPE_INVALID'; // undici leaves its code out
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
