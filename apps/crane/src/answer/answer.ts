import type { Digest } from '@gantry/oci';
import type { RouteKind } from './route.ts';

/** What is sent back, but for bytes that have to be read first. */
export interface Answer {
  /** For the metrics. */
  readonly route: RouteKind | 'method' | 'repositories' | 'v1';
  readonly status: number;
  /** Names and values by turns, in one flat list, as node:http takes them. */
  readonly headers: readonly string[];
  readonly body: Body;
  /** Quoted; present on what If-None-Match may be asked of. */
  readonly etag?: string;
  /** No shared cache may keep it. */
  readonly isPrivate?: true;
  /** The mirror that a redirect names. */
  readonly mirror?: string;
}

export type Body =
  | { readonly from: 'memory'; readonly bytes: string | Uint8Array }
  /** A manifest: small, read whole and checked before the first byte goes out. */
  | { readonly from: 'tree'; readonly path: string; readonly digest: Digest; readonly sizeBytes: number }
  /** A blob: streamed, in ranges if so asked. */
  | { readonly from: 'file'; readonly path: string; readonly sizeBytes: number }
  /** A file that is no part of the tree: streamed as a blob is. Symbolic links in its path are followed. */
  | { readonly from: 'content'; readonly file: string; readonly sizeBytes: number }
  /** The referrers document of a subject, filtered if so asked; its headers follow from its bytes. */
  | { readonly from: 'referrers'; readonly document: Digest; readonly artifactType?: string };

/** The code of one error body of the distribution specification, and ours where it has none. */
export type ErrorCode =
  | 'BLOB_UNKNOWN'
  | 'DIGEST_INVALID'
  | 'MANIFEST_UNKNOWN'
  | 'NAME_INVALID'
  | 'NAME_UNKNOWN'
  | 'TOOMANYREQUESTS'
  | 'UNAUTHORIZED'
  | 'UNAVAILABLE'
  | 'UNSUPPORTED';

/** How long a client is asked to wait before it tries again, in seconds: the prober's and follower's own interval. */
export const RETRY_AFTER_SECONDS = 5;

export const NO_BODY: Body = { from: 'memory', bytes: '' };

export const API_VERSION = ['Docker-Distribution-API-Version', 'registry/2.0'] as const;

/** For what a digest names: it never changes. */
export const IMMUTABLE = ['Cache-Control', 'public, max-age=31536000, immutable'] as const;

/** For what a tag names, a list of tags or of referrers: another answer may come with the next serial. */
export const SHORT_LIVED = ['Cache-Control', 'public, max-age=10'] as const;

/** For a tag's manifest: who takes no index may get an image in place of one. */
export const OF_TAG = [...SHORT_LIVED, 'Vary', 'Accept'] as const;

/** An error with the specification's body (distribution-spec, "Error Codes"). */
export function errorAnswer(
  route: Answer['route'],
  status: number,
  code: ErrorCode,
  message: string,
  headers: readonly string[] = [],
): Answer {
  const text = JSON.stringify({ errors: [{ code, message }] });
  return {
    route,
    status,
    headers: [
      'Content-Type',
      'application/json',
      'Content-Length',
      String(Buffer.byteLength(text)),
      'Cache-Control',
      'no-cache',
      'X-Content-Type-Options',
      'nosniff',
      ...API_VERSION,
      ...headers,
    ],
    body: { from: 'memory', bytes: text },
  };
}

/** The answer where `n` of a list makes no sense. */
export function badCount(route: 'tags' | 'catalog'): Answer {
  return errorAnswer(route, 400, 'UNSUPPORTED', '"n" has to be a whole number from 0 up');
}

/** Something is known and just can't be had now. */
export function unavailable(route: Answer['route'], message: string): Answer {
  return errorAnswer(route, 503, 'UNAVAILABLE', message, ['Retry-After', String(RETRY_AFTER_SECONDS)]);
}

/** 200 with a body that is at hand. */
export function jsonAnswer(
  route: Answer['route'],
  text: string | Uint8Array,
  headers: readonly string[],
  contentType = 'application/json',
): Answer {
  return {
    route,
    status: 200,
    headers: [
      'Content-Type',
      contentType,
      'Content-Length',
      String(Buffer.byteLength(text)),
      ...API_VERSION,
      ...headers,
    ],
    body: { from: 'memory', bytes: text },
  };
}
