import { randomBytes } from 'node:crypto';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Digest, digestOf, MANIFEST_MEDIA_TYPES } from '@gantry/oci';
import { contentTypeOf, type LaidRepository, parsePath } from '@gantry/tree';
import { type Crane, startCrane } from './crane.ts';
import type { CraneLogger, CraneOptions } from './options.ts';

/** A temporary folder that goes away with its holder. */
export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'gantry-crane-'));
  return { path: folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}

export interface SampleImage {
  readonly manifest: Uint8Array;
  readonly digest: Digest;
  readonly blobs: readonly Uint8Array[];
  readonly layer: Digest;
}

/** An image of one random layer. */
export function sampleImage(options: { sizeBytes?: number; subject?: SampleImage } = {}): SampleImage {
  const config = Buffer.from(JSON.stringify({ made: randomBytes(8).toString('hex') }));
  const layer = randomBytes(options.sizeBytes ?? 1000);
  const { subject } = options;
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST_MEDIA_TYPES['oci-manifest'],
      config: describe('application/vnd.oci.image.config.v1+json', config),
      layers: [describe('application/vnd.oci.image.layer.v1.tar', layer)],
      ...(subject === undefined
        ? {}
        : {
            artifactType: 'application/vnd.example.sbom',
            subject: describe(MANIFEST_MEDIA_TYPES['oci-manifest'], subject.manifest),
          }),
    }),
  );
  return { manifest, digest: digestOf(manifest), blobs: [config, layer], layer: digestOf(layer) };
}

/** An index of images. */
export function sampleIndex(images: readonly SampleImage[]): { manifest: Uint8Array; digest: Digest } {
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST_MEDIA_TYPES['oci-index'],
      manifests: images.map((image) => describe(MANIFEST_MEDIA_TYPES['oci-manifest'], image.manifest)),
    }),
  );
  return { manifest, digest: digestOf(manifest) };
}

function describe(mediaType: string, bytes: Uint8Array) {
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}

/** A repository of some tagged images, as `layTree` takes it. */
export function repositoryOf(
  name: string,
  tagged: Readonly<Record<string, SampleImage>>,
  more: readonly SampleImage[] = [],
): LaidRepository {
  const images = [...Object.values(tagged), ...more];
  return {
    name,
    tags: new Map(Object.entries(tagged).map(([tag, image]) => [tag, image.digest])),
    manifests: images.map((image) => image.manifest),
    blobs: images.flatMap((image) => image.blobs),
  };
}

/** How a mirror misbehaves; what is not told here it does right. */
export interface MirrorFaults {
  /** The Content-Type of a file; undefined sends none. */
  contentType?: (file: string) => string | undefined;
  /** The status instead of 200 for a file. */
  status?: (file: string) => number | undefined;
  /** Headers more. */
  headers?: (file: string, request: IncomingMessage) => OutgoingHttpHeaders;
  /** What the bytes become. */
  bytes?: (file: string, bytes: Uint8Array) => Uint8Array;
}

export interface TestMirror extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** The directory that it serves. */
  readonly directory: string;
  /** Takes effect at once. */
  faults: MirrorFaults;
  /** `METHOD /path` of each request. */
  readonly requests: string[];
  /** Makes its directory a copy of another, the pointer last. */
  copyFrom(directory: string): Promise<void>;
}

/** A server on a free port. */
export async function startServer(
  listener: RequestListener,
  port = 0,
): Promise<AsyncDisposable & { readonly url: string; readonly port: number }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const address = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${address.port}`,
    port: address.port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A static web server with a mirror's files. */
export async function startMirror(
  options: { directory?: string; port?: number; faults?: MirrorFaults } = {},
): Promise<TestMirror> {
  const folder = await temporaryFolder();
  const mirror = {
    directory: options.directory ?? path.join(folder.path, 'tree'),
    faults: options.faults ?? {},
    requests: [] as string[],
  };
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const file = (request.url ?? '/').slice(1);
    mirror.requests.push(`${request.method} ${request.url}`);
    const { faults } = mirror;
    const status = faults.status?.(file);
    const known = parsePath(file) !== undefined;
    const found = known
      ? await readFile(path.join(mirror.directory, file)).catch(() => undefined)
      : undefined;
    if (found === undefined) {
      response.writeHead(status ?? 404, { 'Content-Length': 0 }).end();
      return;
    }
    const bytes = faults.bytes?.(file, found) ?? found;
    const contentType = faults.contentType === undefined ? contentTypeOf(file) : faults.contentType(file);
    response.writeHead(status ?? 200, {
      ...(contentType === undefined ? {} : { 'Content-Type': contentType }),
      'Content-Length': bytes.length,
      ...faults.headers?.(file, request),
    });
    response.end(bytes);
  };
  const server = await startServer((request, response) => void answer(request, response), options.port);
  return Object.assign(mirror, {
    url: server.url,
    port: server.port,
    async copyFrom(directory: string) {
      for (const part of ['lists', 'pool', 'serial']) {
        await cp(path.join(directory, part), path.join(mirror.directory, part), {
          recursive: true,
          force: true,
        });
      }
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  });
}

/** A logger that keeps what it is told. */
export interface TestLog extends CraneLogger {
  readonly lines: { readonly level: 'info' | 'warn' | 'error'; readonly message: string }[];
}

export function testLog(): TestLog {
  const lines: TestLog['lines'] = [];
  const at = (level: 'info' | 'warn' | 'error') => (_fields: object, message: string) => {
    lines.push({ level, message });
  };
  return { lines, info: at('info'), warn: at('warn'), error: at('error') };
}

/** A crane on free ports, with a short poll. */
export async function startTestCrane(options: Partial<CraneOptions>): Promise<Crane> {
  return startCrane({
    listen: { host: '127.0.0.1', port: 0 },
    pollMs: 100,
    status: 302,
    manifests: 'auto',
    mirrors: [],
    logger: testLog(),
    ...options,
  });
}

/** Asks without following redirects. */
export function ask(crane: Crane, target: string, init: RequestInit = {}): Promise<Response> {
  return fetch(crane.url + target, { redirect: 'manual', ...init });
}

const UNTIL_MS = 45_000;

/** Waits until `probe` gives something. What never comes ends with an error that shows the probe. */
export async function until<T>(
  probe: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  const giveUpAt = performance.now() + UNTIL_MS;
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > giveUpAt) throw new Error(`waited ${UNTIL_MS} ms in vain for ${String(probe)}`);
    await delay(10);
  }
}
