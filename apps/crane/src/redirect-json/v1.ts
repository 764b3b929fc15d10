import { STATUS_CODES } from 'node:http';
import type { Answer } from '../answer/answer.ts';
import type { Reader } from '../private/reader.ts';
import { readableFile } from './may-read-file.ts';
import { linkAnswer } from './redirect-answer.ts';
import type { ImagesFile } from './redirect-file.ts';
import type { RepositoryTable } from './repository-table.ts';

/** All answers of this API say so, as docker-registry 0.6 did. */
export const V1_HEADERS = [
  'X-Docker-Registry-Version',
  '0.6.6',
  'X-Docker-Registry-Config',
  'common',
] as const;
const STANDALONE = ['X-Docker-Registry-Standalone', 'True'] as const;

/** What a path of the API before Docker 1.6 asks for. */
export type V1Route =
  | { readonly kind: 'ping' }
  | { readonly kind: 'users' }
  | { readonly kind: 'images' | 'tags'; readonly name: string }
  | { readonly kind: 'tag'; readonly name: string; readonly tag: string }
  | { readonly kind: 'image'; readonly id: string; readonly file: string }
  | { readonly kind: 'unknown' };

/** A file of one image. */
export interface ImageFile {
  readonly repository: ImagesFile;
  /** Below the `url` of the repository, or below its folder. */
  readonly path: string;
  readonly contentType: string;
}

const IMAGE_FILES: Readonly<Record<string, string>> = {
  ancestry: 'application/json',
  json: 'application/json',
  layer: 'application/octet-stream',
};

/** Reads a path without escapes; undefined if it is none of this API. */
export function parseV1(path: string): V1Route | undefined {
  if (!path.startsWith('/v1/')) return undefined;
  if (path === '/v1/_ping') return { kind: 'ping' };
  if (path === '/v1/users' || path === '/v1/users/') return { kind: 'users' };
  const [, , section, ...rest] = path.split('/');
  const last = rest.at(-1) ?? '';
  if (section === 'images' && rest.length === 2) return { kind: 'image', id: rest[0] as string, file: last };
  if (section !== 'repositories') return { kind: 'unknown' };
  const kind = last === 'images' || last === 'tags' ? last : rest.at(-2) === 'tags' ? 'tag' : 'unknown';
  const name = nameOf(rest.slice(0, kind === 'tag' ? -2 : -1));
  if (kind === 'unknown' || name === undefined) return { kind: 'unknown' };
  return kind === 'tag' ? { kind, name, tag: last } : { kind, name };
}

/** Docker put `library/` before names without a slash. More than one slash no name has. */
function nameOf(parts: readonly string[]): string | undefined {
  if (parts.length > 2) return undefined;
  return (parts[0] === 'library' ? parts.slice(1) : parts).join('/');
}

/** What tells a client where else it may ask. */
export interface V1Site {
  readonly table: RepositoryTable;
  /** The host that images are to be asked for, as X-Docker-Endpoints names it. */
  readonly endpoint: string;
  readonly reader: Reader;
}

/** The answer, or the file of an image that it is to be found in. */
export function answerV1(route: V1Route, { table, endpoint, reader }: V1Site): Answer | ImageFile {
  switch (route.kind) {
    case 'ping':
      return jsonV1('true', STANDALONE);
    case 'users':
      return jsonV1('"OK"', STANDALONE);
    case 'images': {
      const found = readableFile(reader, route.name, table.images(route.name), table);
      if (found === undefined) return UNKNOWN_V1;
      return jsonV1(found.imagesText, endpoint === '' ? [] : ['X-Docker-Endpoints', endpoint]);
    }
    case 'tags': {
      const found = readableFile(reader, route.name, table.images(route.name), table);
      return found === undefined ? UNKNOWN_V1 : jsonV1(found.tagsText);
    }
    case 'tag': {
      const id = readableFile(reader, route.name, table.images(route.name), table)?.tags.get(route.tag);
      return id === undefined ? UNKNOWN_V1 : jsonV1(JSON.stringify(id));
    }
    case 'image':
      return imageFile(route.id, route.file, table, reader) ?? UNKNOWN_V1;
    default:
      return UNKNOWN_V1;
  }
}

/** An image may be had by whoever may have one of the repositories that hold it. */
function imageFile(id: string, file: string, table: RepositoryTable, reader: Reader): ImageFile | undefined {
  const contentType = Object.hasOwn(IMAGE_FILES, file) ? IMAGE_FILES[file] : undefined;
  if (contentType === undefined || !/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(id)) return undefined;
  const holders = [...table.holders(id)];
  // One that nobody holds is checked as one that a single repository hides. That several do tells who knows its random id.
  if (holders.length === 0) readableFile(reader, id, undefined, table);
  const repository = holders.find((holder) => readableFile(reader, holder.name, holder, table) !== undefined);
  return repository && { repository, path: `${id}/${file}`, contentType };
}

/** The redirect to a file of an image. */
export function redirectV1({ repository, path }: ImageFile): Answer {
  return linkAnswer('v1', repository.base + path, V1_HEADERS);
}

/** 200 with a JSON text. @param headers more of them */
function jsonV1(text: string, headers: readonly string[] = [], status = 200): Answer {
  return textV1(status, 'application/json', text, headers);
}

/** An error as this API has it: a phrase as HTML. */
export function errorV1(status: number): Answer {
  return textV1(status, 'text/html; charset=utf-8', STATUS_CODES[status] as string);
}

function textV1(status: number, type: string, text: string, headers: readonly string[] = []): Answer {
  return {
    route: 'v1',
    status,
    headers: [
      'Content-Type',
      type,
      'Content-Length',
      String(Buffer.byteLength(text)),
      'Cache-Control',
      'no-cache',
      'X-Content-Type-Options',
      'nosniff',
      ...V1_HEADERS,
      ...headers,
    ],
    body: { from: 'memory', bytes: text },
  };
}

const UNKNOWN_V1 = errorV1(404);
/** The answer to `POST /v1/users`, by which `docker login` asked whether there is a user. There are none to be made. */
export const USER_CREATED = jsonV1('"User Created"', STANDALONE, 201);
