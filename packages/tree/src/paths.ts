import { hash } from 'node:crypto';
import {
  DIGEST_ALGORITHMS,
  type Digest,
  type DigestAlgorithm,
  MANIFEST_KINDS,
  MANIFEST_MEDIA_TYPES,
  type ManifestKind,
  splitDigest,
} from '@gantry/oci';

/** The pointer: the only file of a tree that is ever replaced. */
export const POINTER_PATH = 'serial/current.json';

/** Serials count from 1; twelve digits are what a path has room for. */
export const MAX_SERIAL = 999_999_999_999;

/** What a path of the tree names. */
export type TreePath =
  | { readonly type: 'blob'; readonly digest: Digest }
  | { readonly type: 'manifest'; readonly kind: ManifestKind; readonly digest: Digest }
  | { readonly type: 'index'; readonly digest: Digest }
  | { readonly type: 'list'; readonly serial: number }
  | { readonly type: 'full-list'; readonly serial: number }
  | { readonly type: 'serial'; readonly serial: number }
  | { readonly type: 'pointer' };

const CONTENT_TYPES = {
  blob: 'application/octet-stream',
  index: 'application/json',
  list: 'text/plain; charset=utf-8',
  'full-list': 'text/plain; charset=utf-8',
  serial: 'application/json',
  pointer: 'application/json',
} as const;

/** `pool/blobs/sha256/<ab>/<hex>` */
export function blobPath(digest: Digest): string {
  return `pool/blobs/${digestPath(digest)}`;
}

/** `pool/manifests/<kind>/sha256/<ab>/<hex>` */
export function manifestPath(kind: ManifestKind, digest: Digest): string {
  return `pool/manifests/${kind}/${digestPath(digest)}`;
}

/** `pool/index/sha256/<ab>/<hex>.json`, of a root, shard, repository, part or referrers document. */
export function indexPath(digest: Digest): string {
  return `pool/index/${digestPath(digest)}.json`;
}

/** `lists/<serial>.txt`, what a serial added to the pool and took from it. */
export function listPath(serial: number): string {
  return `lists/${twelveDigits(serial)}.txt`;
}

/** `lists/full-<serial>.txt`, the whole pool of a serial. */
export function fullListPath(serial: number): string {
  return `lists/full-${twelveDigits(serial)}.txt`;
}

/** `serial/<serial>.json`, a serial's statement. */
export function serialPath(serial: number): string {
  return `serial/${twelveDigits(serial)}.json`;
}

/**
 * The first two hex digits of sha256(key): the shard in which a published name lives, and the part of a split map in
 * which a key stands.
 */
export function shardOf(key: string): string {
  return hash('sha256', key).slice(0, 2);
}

/** What a path names; undefined for one that is not of the tree's grammar, to the letter. */
export function parsePath(path: string): TreePath | undefined {
  if (path === POINTER_PATH) return { type: 'pointer' };
  const [, blobs, index, kind, algorithm, folder, hex = '', json] = POOL_PATH.exec(path) ?? [];
  if (hex === '') return parseNumbered(path);
  if (
    !isAlgorithm(algorithm) ||
    hex.length !== DIGEST_ALGORITHMS[algorithm] ||
    !hex.startsWith(folder ?? '')
  ) {
    return undefined;
  }
  const digest: Digest = `${algorithm}:${hex}`;
  if (index !== undefined) {
    return json === undefined || algorithm !== 'sha256' ? undefined : { type: 'index', digest };
  }
  if (json !== undefined) return undefined;
  if (blobs !== undefined) return { type: 'blob', digest };
  const known = MANIFEST_KINDS.find((manifestKind) => manifestKind === kind);
  return known && { type: 'manifest', kind: known, digest };
}

const POOL_PATH =
  /^pool\/(?:(blobs)|(index)|manifests\/([a-z-]+))\/(sha256|sha512)\/([0-9a-f]{2})\/([0-9a-f]{64,128})(\.json)?$/;
const NUMBERED_PATH = /^(?:(serial)\/([0-9]{12})\.json|lists\/(full-)?([0-9]{12})\.txt)$/;

function parseNumbered(path: string): TreePath | undefined {
  const [, serials, ofSerial, full, ofList] = NUMBERED_PATH.exec(path) ?? [];
  const serial = Number(ofSerial ?? ofList ?? 0);
  if (serial === 0) return undefined;
  if (serials !== undefined) return { type: 'serial', serial };
  return { type: full === undefined ? 'list' : 'full-list', serial };
}

/** The Content-Type that a file of the tree is to be served with; undefined for a path that is not of its grammar. */
export function contentTypeOf(path: string): string | undefined {
  const parsed = parsePath(path);
  if (parsed === undefined) return undefined;
  return parsed.type === 'manifest' ? MANIFEST_MEDIA_TYPES[parsed.kind] : CONTENT_TYPES[parsed.type];
}

/** The Cache-Control that a file of the tree is to be served with: all but the pointer may be kept forever. */
export function cacheControlOf(path: string): string {
  return path === POINTER_PATH ? 'no-cache' : 'public, max-age=31536000, immutable';
}

function digestPath(digest: Digest): string {
  const { algorithm, hex } = splitDigest(digest);
  return `${algorithm}/${hex.slice(0, 2)}/${hex}`;
}

function isAlgorithm(text: string | undefined): text is DigestAlgorithm {
  return text !== undefined && Object.hasOwn(DIGEST_ALGORITHMS, text);
}

function twelveDigits(serial: number): string {
  return String(serial).padStart(12, '0');
}
