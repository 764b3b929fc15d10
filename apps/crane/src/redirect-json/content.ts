import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import {
  asFault,
  type Digest,
  digestOf,
  MANIFEST_MAX_BYTES,
  MANIFEST_MEDIA_TYPES,
  manifestKind,
  quote,
  splitDigest,
} from '@gantry/oci';
import {
  type Answer,
  API_VERSION,
  errorAnswer,
  IMMUTABLE,
  NO_BODY,
  OF_TAG,
  SHORT_LIVED,
  unavailable,
} from '../answer/answer.ts';
import type { RareErrors } from '../rare-errors.ts';
import { saysAbsent } from './absence.ts';
import { digestIn, type Located } from './locate.ts';
import type { PathsFile } from './redirect-file.ts';
import { errorV1, type ImageFile, V1_HEADERS } from './v1.ts';

/** Content that lies on a disk of the crane's own, as Pulp publishes it, in place of redirects. */
export interface ContentOptions {
  /** Folders with a folder for each repository; absent: that API is redirected. */
  readonly v1?: string;
  readonly v2?: string;
  /** Who sends the bytes: the crane, or the web server in front, which a header names the file to. */
  readonly by: 'file' | 'x-sendfile' | 'x-accel-redirect';
  /** Where that web server has the two folders, `v1/` and `v2/` below it, for X-Accel-Redirect; ends with `/`. */
  readonly location: string;
  /** Manifests of schema 1 have the type that Pulp's Crane says. */
  readonly compat: boolean;
}

/** A file that is to be sent. */
interface Found {
  readonly file: string;
  readonly size: number;
  /** Below the folder of its API, encoded as a URL has it. */
  readonly place: string;
}

/** Answers with content, of the APIs that there is any of; 503 where the disk does not tell whether a file is there. */
export interface Content {
  /** The answer with a manifest, a blob or the tags of a repository. */
  readonly located?: (file: PathsFile, located: Located) => Promise<Answer>;
  /** The answer with a file of an image. */
  readonly image?: (image: ImageFile) => Promise<Answer>;
}

export function createContent(options: ContentOptions, tellError: RareErrors): Content {
  const { v1, v2 } = options;
  const tell = (route: Answer['route'], error: unknown): void =>
    tellError({ route }, `content can not be read: ${asFault(error).message}`);

  const located = (folder: string) => (file: PathsFile, where: Located) =>
    locatedAnswer(options, folder, file, where).catch((error: unknown) => {
      tell(where.what, error);
      return unavailable(where.what, `the content of ${quote(file.name)} can not be read just now`);
    });
  const image = (folder: string) => (file: ImageFile) =>
    imageAnswer(options, folder, file).catch((error: unknown) => {
      tell('v1', error);
      return errorV1(503);
    });
  return {
    ...(v1 !== undefined && { image: image(v1) }),
    ...(v2 !== undefined && { located: located(v2) }),
  };
}

async function locatedAnswer(
  options: ContentOptions,
  folder: string,
  { name, repository }: PathsFile,
  located: Located,
): Promise<Answer> {
  const { what } = located;
  const found = await find(folder, `${repository}/${located.path}`);
  const digest = digestIn(located) as Digest | undefined;
  if (found === undefined) return notFound(name, located);
  if (what === 'manifest' && options.by === 'file' && found.size <= MANIFEST_MAX_BYTES)
    return manifestAnswer(found, located, digest, options.compat);
  const headers = [
    'Content-Type',
    what === 'blob' ? 'application/octet-stream' : typeOfFolder(located),
    ...(digest === undefined ? [] : digestHeaders(digest)),
    ...cachingOf(located),
    ...API_VERSION,
  ];
  const place = `v2/${found.place}`;
  return sent(options, found, place, {
    route: what,
    headers,
    ...(digest !== undefined && { etag: `"${digest}"` }),
  });
}

async function imageAnswer(options: ContentOptions, folder: string, image: ImageFile): Promise<Answer> {
  const found = await find(folder, `${image.repository.repository}/${image.path}`);
  if (found === undefined) return errorV1(404);
  return sent(options, found, `v1/${found.place}`, {
    route: 'v1',
    headers: ['Content-Type', image.contentType, ...SHORT_LIVED, ...V1_HEADERS],
  });
}

/** undefined: there is no such file. @throws what the system says when it does not tell */
async function find(folder: string, place: string): Promise<Found | undefined> {
  try {
    const file = path.join(folder, ...place.split('/').map((part) => decodeURIComponent(part)));
    const found = await stat(file);
    return found.isFile() ? { file, size: found.size, place } : undefined;
  } catch (error) {
    if (error instanceof URIError || saysAbsent(error)) return undefined; // no file has a name with a wrong escape
    throw error;
  }
}

/** A manifest is read whole, so that its digest and its own type can be said. */
async function manifestAnswer(
  { file }: Found,
  located: Located,
  asked: Digest | undefined,
  compat: boolean,
): Promise<Answer> {
  const bytes = await readFile(file);
  const digest = digestOf(bytes, asked === undefined ? 'sha256' : splitDigest(asked).algorithm);
  if (asked !== undefined && digest !== asked)
    return unavailable('manifest', `the file of ${asked} holds other bytes`);
  const folder = located.place?.folder;
  const isOfNoKind = folder !== '2' && folder !== 'list';
  const type = isOfNoKind && !compat ? typeOfManifest(bytes) : typeOfFolder(located);
  return {
    route: 'manifest',
    status: 200,
    headers: [
      'Content-Type',
      type,
      'Content-Length',
      String(bytes.length),
      ...digestHeaders(digest),
      ...cachingOf(located),
      ...API_VERSION,
    ],
    body: { from: 'memory', bytes },
    etag: `"${digest}"`,
  };
}

function sent(
  { by, location }: ContentOptions,
  { file, size }: Found,
  place: string,
  { headers, ...answer }: Pick<Answer, 'route' | 'headers' | 'etag'>,
): Answer {
  if (by === 'file') {
    const own = ['Content-Length', String(size), 'Accept-Ranges', 'bytes'];
    return {
      ...answer,
      status: 200,
      headers: [...headers, ...own],
      body: { from: 'content', file, sizeBytes: size },
    };
  }
  const named = by === 'x-sendfile' ? ['X-Sendfile', file] : ['X-Accel-Redirect', location + place];
  return { ...answer, status: 200, headers: [...headers, ...named, 'Content-Length', '0'], body: NO_BODY };
}

/** How long an answer may be kept, and for whom. */
function cachingOf(located: Located): readonly string[] {
  if (located.isByTag === true) return OF_TAG;
  return digestIn(located) === undefined ? SHORT_LIVED : IMMUTABLE;
}

function digestHeaders(digest: Digest): readonly string[] {
  return ['Docker-Content-Digest', digest, 'ETag', `"${digest}"`];
}

/** The types that Pulp's Crane tells: all but Docker's of today are just JSON. */
function typeOfFolder({ place }: Located): string {
  if (place?.folder === 'list') return MANIFEST_MEDIA_TYPES['docker-list'];
  return place?.folder === '2' ? MANIFEST_MEDIA_TYPES['docker-manifest'] : 'application/json';
}

/** What a manifest says that it is. In the folder of schema 1 lie OCI manifests, too. */
function typeOfManifest(bytes: Uint8Array): string {
  try {
    const manifest = JSON.parse(Buffer.from(bytes).toString()) as Record<string, unknown> | null;
    const { schemaVersion, mediaType, signatures, manifests } = manifest ?? {};
    if (schemaVersion === 1)
      return `application/vnd.docker.distribution.manifest.v1+${signatures === undefined ? 'json' : 'prettyjws'}`;
    if (typeof mediaType === 'string' && manifestKind(mediaType) !== undefined) return mediaType;
    if (schemaVersion !== 2) return 'application/json';
    return MANIFEST_MEDIA_TYPES[Array.isArray(manifests) ? 'oci-index' : 'oci-manifest'];
  } catch {
    return 'application/json';
  }
}

function notFound(name: string, { what, path: place }: Located): Answer {
  const code = what === 'blob' ? 'BLOB_UNKNOWN' : 'MANIFEST_UNKNOWN';
  return errorAnswer(what, 404, code, `${quote(name)} has no ${place} here`);
}
