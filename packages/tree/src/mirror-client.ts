import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { Fault, type FaultDetails } from '@gantry/oci';
import { Agent, type Dispatcher } from 'undici';

/** How a mirror answered, its redirects followed. */
export interface MirrorReply {
  readonly status: number;
  /** How many redirects led there. */
  readonly redirects: number;
  /** `https://mirror.example` of who answered in the end. */
  readonly origin: string;
  /** Without parameters, in lower case; empty if it sent none. */
  readonly contentType: string;
  /** Empty if it sent none. */
  readonly contentEncoding: string;
  /** As Content-Length says. */
  readonly sizeBytes?: number;
}

/**
 * Asks a mirror for files of the tree as clients do, many of which offer gzip: a mirror that takes it up breaks the
 * digests of those that do not undo it. Each call rejects when the mirror does not answer, and with the Fault MIRROR_INVALID
 * when it answers with more than may be, or leads somewhere that is not followed (`details.leadsTo`: the host that clients must not be led to).
 */
export interface MirrorClient extends AsyncDisposable {
  head(path: string): Promise<MirrorReply>;
  /**
   * All bytes, for a status of 200. Rejects when there are more than `maxBytes`.
   * @param plainly without an offer of gzip
   */
  read(
    path: string,
    maxBytes: number,
    options?: { readonly plainly?: boolean },
  ): Promise<MirrorReply & { readonly bytes: Uint8Array }>;
  /** The SHA-256 of the bytes, in hex, for a status of 200. */
  hash(path: string): Promise<MirrorReply & { readonly sha256: string }>;
  /** The first `count` bytes, for a status of 206; of a server that knows no ranges, for 200. The rest is not waited for. */
  readFirst(path: string, count: number): Promise<MirrorReply & { readonly bytes: Uint8Array }>;
}

export interface MirrorClientOptions {
  /** Who asks, for the mirror's log. */
  readonly userAgent: string;
  /** How long the mirror may be silent. */
  readonly timeoutMs: number;
  /** Ends all that is under way. */
  readonly signal: AbortSignal;
  /** Sent to the origin of the base alone. */
  readonly authorization?: string | undefined;
  /** What stands behind each path, where the base ends in the middle of a query. */
  readonly suffix?: string;
  /** Why it may not lead there, as a clause after "it redirects to HOST, "; undefined: it may. */
  readonly findRefusal?: (target: URL) => string | undefined;
  /** Where a file is asked for; absent: at the base, its path and the suffix. */
  readonly addressOf?: (path: string) => string;
}

const MAX_REDIRECTS = 5;
const MAX_CONNECTIONS = 8;
const PLAINLY = { 'accept-encoding': 'identity' };

/** @param base where the mirror's copy of the tree begins; ends with `/` */
export function mirrorClient(
  base: string,
  {
    userAgent,
    timeoutMs,
    signal,
    authorization,
    suffix = '',
    findRefusal = () => undefined,
    addressOf = (path) => base + path + suffix,
  }: MirrorClientOptions,
): MirrorClient {
  const agent = new Agent({
    connections: MAX_CONNECTIONS,
    connect: { timeout: timeoutMs },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    keepAliveTimeout: 4000,
    maxHeaderSize: 16 * 1024,
  });

  const request = async (
    method: 'GET' | 'HEAD',
    path: string,
    changed: Readonly<Record<string, string>> = {},
  ): Promise<Answered> => {
    let target = new URL(addressOf(path));
    const headers = { 'accept-encoding': 'gzip', 'user-agent': userAgent, ...changed };
    for (let hop = 0; ; hop++) {
      const isOwn = authorization !== undefined && target.origin === new URL(base).origin;
      const reply = await agent.request({
        origin: target.origin,
        path: target.pathname + target.search,
        method,
        headers: isOwn ? { ...headers, authorization } : headers,
        signal,
      });
      const location = reply.headers['location'];
      if (reply.statusCode < 300 || reply.statusCode > 399 || typeof location !== 'string')
        return { reply, redirects: hop, origin: target.origin };
      await reply.body.dump();
      target = redirected(target, location, hop);
      const refusal = findRefusal(target);
      if (refusal !== undefined)
        throw invalid(`it redirects to ${target.host}, ${refusal}`, { leadsTo: target.host });
    }
  };

  const get = async (
    path: string,
    onChunk: (chunk: Uint8Array) => void,
    headers?: Readonly<Record<string, string>>,
  ): Promise<MirrorReply> => {
    const answered = await request('GET', path, headers);
    const { reply } = answered;
    if (reply.statusCode === 200) for await (const chunk of reply.body) onChunk(chunk as Uint8Array);
    else await reply.body.dump();
    return describe(answered);
  };

  return {
    async head(path) {
      const answered = await request('HEAD', path);
      await answered.reply.body.dump();
      return describe(answered);
    },
    async read(path, maxBytes, { plainly = false } = {}) {
      const chunks: Uint8Array[] = [];
      let total = 0;
      const keep = (chunk: Uint8Array) => {
        total += chunk.length;
        if (total > maxBytes) throw invalid(`${path} has more than ${maxBytes} bytes there`);
        chunks.push(chunk);
      };
      const reply = await get(path, keep, plainly ? PLAINLY : undefined);
      return { ...reply, bytes: Buffer.concat(chunks, total) };
    },
    async hash(path) {
      const hasher = createHash('sha256');
      const reply = await get(path, (chunk) => hasher.update(chunk));
      return { ...reply, sha256: hasher.digest('hex') };
    },
    async readFirst(path, count) {
      const answered = await request('GET', path, { ...PLAINLY, range: `bytes=0-${count - 1}` });
      const { reply } = answered;
      const chunks: Uint8Array[] = [];
      if (reply.statusCode === 200 || reply.statusCode === 206) {
        let total = 0;
        for await (const chunk of reply.body) {
          chunks.push(chunk as Uint8Array);
          total += (chunk as Uint8Array).length;
          if (total >= count) break;
        }
      } else await reply.body.dump();
      const bytes = Buffer.concat(chunks).subarray(0, count);
      return { ...describe(answered), bytes };
    },
    [Symbol.asyncDispose]: () => agent.destroy(),
  };
}

function redirected(from: URL, location: string, hop: number): URL {
  const target = URL.parse(location, from);
  if (target === null || !/^https?:$/.test(target.protocol)) {
    throw invalid('it redirects to what is no http or https address');
  }
  if (from.protocol === 'https:' && target.protocol === 'http:') {
    throw invalid(`it redirects from https to http, at ${target.host}`, { leadsTo: target.host });
  }
  if (hop >= MAX_REDIRECTS) throw invalid(`it redirects more than ${MAX_REDIRECTS} times`);
  return target;
}

/** @param why a sentence of its own: who asks names the mirror */
function invalid(why: string, details: FaultDetails = {}): Fault {
  return new Fault('MIRROR_INVALID', why, details);
}

/** An answer whose body is still to be read. */
interface Answered extends Pick<MirrorReply, 'redirects' | 'origin'> {
  readonly reply: Dispatcher.ResponseData;
}

function describe({ reply, redirects, origin }: Answered): MirrorReply {
  const headers: IncomingHttpHeaders = reply.headers;
  const length = headers['content-length'];
  const encoding = headers['content-encoding'] ?? '';
  return {
    status: reply.statusCode,
    redirects,
    origin,
    contentType: (headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '',
    contentEncoding: encoding.toLowerCase() === 'identity' ? '' : encoding,
    ...(length === undefined ? {} : { sizeBytes: Number(length) }),
  };
}
