import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Digest, isDigest, MANIFEST_MEDIA_TYPES } from '@gantry/oci';
import { answer, answerError, page, requestedRange } from './answers.ts';
import { createGatekeeper, type InProcessAuthentication } from './authentication.ts';
import { createContents, referrersIndex, type StoredManifest, type StoredRepository } from './contents.ts';
import type { MadeManifest } from './image-maker.ts';

export interface InProcessOptions {
  readonly authentication?: InProcessAuthentication;
  /** False: as a registry that has no referrers API, where referrers stand under the fallback tag. True by default. */
  readonly referrersApi?: boolean;
  /** The most names in one page of tags or repositories; 1,000 by default. */
  readonly pageSize?: number;
  /** Sees each request first: a fault (see `faults`), or a hook of one's own. */
  readonly intercept?: Intercept;
  /** Milliseconds since the epoch, for the expiry of tokens. */
  readonly now?: () => number;
}

/** Returns true for a request that it has answered or cut off, false to let the registry answer. */
export type Intercept = (request: IncomingMessage, response: ServerResponse) => boolean;

/** A request that came in. `status` is 0 until it is answered. */
export interface RecordedRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  status: number;
}

/** A registry in memory that can be read over HTTP and is filled by its methods. */
export interface InProcessRegistry {
  /** Answers requests, also as a part of another server. */
  readonly handler: RequestListener;
  /** The last 10,000 requests, in the order in which they came. */
  readonly requests: readonly RecordedRequest[];
  /** Puts a manifest with its blobs and children. A subject's referrers are kept too. */
  push(repository: string, made: MadeManifest, ...tags: string[]): void;
  putBlob(repository: string, bytes: Uint8Array): { digest: Digest; size: number };
  /** Puts a manifest's bytes as they are: they need not be valid, nor what they name present. */
  putManifest(repository: string, bytes: Uint8Array, mediaType: string, ...tags: string[]): StoredManifest;
  putTag(repository: string, tag: string, digest: Digest): void;
  /** Lets many tags mean one manifest, for a repository with tens of thousands. */
  putTags(repository: string, tags: Iterable<string>, digest: Digest): void;
  deleteTag(repository: string, tag: string): void;
  /** Takes a manifest away with the tags that mean it. The referrers' fallback tag is left as it is. */
  deleteManifest(repository: string, digest: Digest): void;
  deleteBlob(repository: string, digest: Digest): void;
  /** Makes every bearer token given so far invalid. */
  expireTokens(): void;
  /** Forgets the requests recorded so far. */
  forgetRequests(): void;
  /** Listens on loopback, on a free port unless one is named. Disposing of the result ends all connections. */
  listen(port?: number): Promise<ListeningRegistry>;
}

export interface ListeningRegistry extends AsyncDisposable {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  readonly port: number;
}

const REQUESTS_MAX = 10_000;
const ROUTE =
  /^\/v2\/(?:(_catalog)|(.+)\/tags\/(list)|(.+)\/(manifests|blobs|referrers)\/([A-Za-z0-9._:-]{1,200}))$/;

/**
 * A small registry in this process, for a first run and for tests: the pull and discovery side of the distribution
 * specification. Its content is put in by its methods; what is put is not checked.
 */
export function createInProcessRegistry(options: InProcessOptions = {}): InProcessRegistry {
  const { referrersApi = true, pageSize = 1000, intercept } = options;
  const contents = createContents(!referrersApi);
  const gatekeeper = createGatekeeper(options.authentication, options.now);
  const requests: RecordedRequest[] = [];

  const route = (request: IncomingMessage, response: ServerResponse): void => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    if (url.pathname === '/token') return gatekeeper.giveToken(request, response, url.searchParams);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return answerError(request, response, {
        status: 405,
        code: 'UNSUPPORTED',
        message: 'this registry can only be read',
        headers: { allow: 'GET, HEAD' },
      });
    }
    const match = ROUTE.exec(url.pathname);
    const name = match?.[2] ?? match?.[4] ?? '';
    const scope =
      name !== '' ? `repository:${name}:pull` : match?.[1] === undefined ? '' : 'registry:catalog:*';
    if (!gatekeeper.admits(request, response, scope)) return;
    if (url.pathname === '/v2/' || url.pathname === '/v2') return answer(request, response, 200, {}, '{}');
    if (match === null || (match[5] === 'referrers' && !referrersApi)) {
      return answer(request, response, 404, { 'content-type': 'text/plain' }, '404 page not found\n');
    }
    const call = { request, response, url, pageSize };
    if (match[1] !== undefined) return answerCatalog(call, contents.repositories.names());
    const repository = contents.repositories.get(name);
    if (repository === undefined) {
      return answerError(request, response, {
        status: 404,
        code: 'NAME_UNKNOWN',
        message: `no repository ${name}`,
      });
    }
    if (match[3] !== undefined) return answerTags(call, name, repository);
    const reference = match[6] ?? '';
    if (match[5] === 'manifests') return answerManifest(call, repository, reference);
    if (match[5] === 'blobs') return answerBlob(call, repository, reference);
    return answerReferrers(call, repository, reference);
  };

  const handler: RequestListener = (request, response) => {
    const recorded = { method: request.method ?? '', path: request.url ?? '', status: 0 };
    if (requests.push(recorded) > REQUESTS_MAX) requests.shift();
    response.once('close', () => (recorded.status = response.statusCode));
    if (intercept?.(request, response) === true) return;
    route(request, response);
    recorded.status = response.statusCode; // before the client can have seen it
  };

  const push = (repository: string, made: MadeManifest, ...tags: string[]): void => {
    for (const blob of made.blobs) contents.putBlob(repository, blob.bytes);
    for (const child of made.children) push(repository, child);
    contents.putManifest(repository, made.bytes, made.mediaType, ...tags);
  };

  return {
    handler,
    requests,
    push,
    putBlob: contents.putBlob,
    putManifest: contents.putManifest,
    putTag: (repository, tag, digest) => contents.putTags(repository, [tag], digest),
    putTags: contents.putTags,
    deleteTag: (repository, tag) => contents.repositories.get(repository)?.tags.delete(tag),
    deleteManifest: contents.deleteManifest,
    deleteBlob: (repository, digest) => void contents.repositories.get(repository)?.blobs.delete(digest),
    expireTokens: gatekeeper.expireTokens,
    forgetRequests: () => void requests.splice(0),
    listen: (port = 0) => listen(handler, port),
  };
}

interface Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly pageSize: number;
}

function answerCatalog(call: Call, names: readonly string[]): void {
  answerPage(call, names, (repositories) => ({ repositories }));
}

function answerTags(call: Call, name: string, repository: StoredRepository): void {
  answerPage(call, repository.tags.names(), (tags) => ({ name, tags }));
}

function answerPage(call: Call, names: readonly string[], body: (names: readonly string[]) => object): void {
  const { request, response, url, pageSize } = call;
  const found = page(names, url.searchParams, pageSize);
  if (found === undefined) {
    return answerError(request, response, {
      status: 400,
      code: 'PAGINATION_NUMBER_INVALID',
      message: 'n is not a number',
    });
  }
  const link =
    found.next === undefined ? {} : { link: `<${url.pathname}?${found.next.toString()}>; rel="next"` };
  const headers = { 'content-type': 'application/json', ...link };
  answer(request, response, 200, headers, JSON.stringify(body(found.names)));
}

function answerManifest(call: Call, repository: StoredRepository, reference: string): void {
  const { request, response } = call;
  const digest = isDigest(reference) ? reference : repository.tags.get(reference);
  const stored = digest === undefined ? undefined : repository.manifests.get(digest);
  if (stored === undefined) {
    return answerError(request, response, {
      status: 404,
      code: 'MANIFEST_UNKNOWN',
      message: `no manifest ${reference}`,
    });
  }
  const headers = { 'content-type': stored.mediaType, 'docker-content-digest': stored.digest };
  answer(request, response, 200, headers, stored.bytes);
}

function answerBlob(call: Call, repository: StoredRepository, digest: string): void {
  const { request, response } = call;
  const bytes = isDigest(digest) ? repository.blobs.get(digest) : undefined;
  if (bytes === undefined) {
    const error = { status: 404, code: 'BLOB_UNKNOWN', message: `no blob ${digest}` };
    return answerError(request, response, error);
  }
  const headers = {
    'content-type': 'application/octet-stream',
    'docker-content-digest': digest,
    'accept-ranges': 'bytes',
  };
  const asked = request.method === 'GET' ? request.headers.range : undefined; // RFC 9110, section 14.2
  const range = requestedRange(asked, bytes.length);
  if (range === undefined) return answer(request, response, 200, headers, bytes);
  if (range === null) {
    return answer(request, response, 416, { 'content-range': `bytes */${bytes.length}` });
  }
  const { start, end } = range;
  const partial = { ...headers, 'content-range': `bytes ${start}-${end}/${bytes.length}` };
  answer(request, response, 206, partial, bytes.subarray(start, end + 1));
}

function answerReferrers(call: Call, repository: StoredRepository, subject: string): void {
  const { request, response, url } = call;
  if (!isDigest(subject)) {
    const message = `${subject} is not a digest`;
    return answerError(request, response, { status: 400, code: 'DIGEST_INVALID', message });
  }
  const all = repository.referrers.get(subject) ?? [];
  const artifactType = url.searchParams.get('artifactType');
  const found = artifactType === null ? all : all.filter((each) => each.artifactType === artifactType);
  const filtered = artifactType === null ? {} : { 'oci-filters-applied': 'artifactType' };
  const headers = { 'content-type': MANIFEST_MEDIA_TYPES['oci-index'], ...filtered };
  answer(request, response, 200, headers, referrersIndex(found));
}

async function listen(handler: RequestListener, port: number): Promise<ListeningRegistry> {
  const server = createServer(handler);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  const { port: bound } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${bound}`,
    port: bound,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
