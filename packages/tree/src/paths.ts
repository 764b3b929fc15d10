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
  const numbered = /^(lists\/full-|lists\/|serial\/)([0-9]{12})\.(txt|json)$/.exec(path);
  if (numbered !== null) return parseNumbered(numbered[1] ?? '', Number(numbered[2]), numbered[3] ?? '');
  const [pool, folder, ...rest] = path.split('/');
  if (pool !== 'pool') return undefined;
  switch (folder) {
    case 'blobs': {
      const digest = parseDigestPath(rest);
      return digest && { type: 'blob', digest };
    }
    case 'index': {
      const name = rest.at(-1) ?? '';
      if (rest[0] !== 'sha256' || !name.endsWith('.json')) return undefined;
      const digest = parseDigestPath([...rest.slice(0, -1), name.slice(0, -5)]);
      return digest && { type: 'index', digest };
    }
    case 'manifests': {
      const kind = MANIFEST_KINDS.find((known) => known === rest[0]);
      const digest = parseDigestPath(rest.slice(1));
      return kind && digest && { type: 'manifest', kind, digest };
    }
    default:
      return undefined;
  }
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

/** The digest in `sha256`, `<ab>`, `<hex>`. */
function parseDigestPath(parts: readonly string[]): Digest | undefined {
  const [algorithm = '', folder, hex = ''] = parts;
  if (parts.length !== 3 || !isAlgorithm(algorithm)) return undefined;
  if (hex.length !== DIGEST_ALGORITHMS[algorithm] || !/^[0-9a-f]+$/.test(hex)) return undefined;
  return folder === hex.slice(0, 2) ? `${algorithm}:${hex}` : undefined;
}

function isAlgorithm(text: string): text is DigestAlgorithm {
  return Object.hasOwn(DIGEST_ALGORITHMS, text);
}

function parseNumbered(folder: string, serial: number, extension: string): TreePath | undefined {
  if (serial === 0 || extension !== (folder === 'serial/' ? 'json' : 'txt')) return undefined;
  if (folder === 'serial/') return { type: 'serial', serial };
  return { type: folder === 'lists/' ? 'list' : 'full-list', serial };
}

function twelveDigits(serial: number): string {
  return String(serial).padStart(12, '0');
}
