import { type Digest, isDigest, isRepositoryName, isTag } from '@gantry/oci';

/** What a request line asks for, its parts checked against their grammars. */
export type Route =
  | { readonly kind: 'base' }
  | {
      readonly kind: 'manifest';
      readonly name: string;
      readonly reference: Reference;
      /** The serial whose tag is meant; absent: the present one. */
      readonly serial?: number;
    }
  | { readonly kind: 'blob'; readonly name: string; readonly digest: Digest; readonly query: string }
  | { readonly kind: 'tags'; readonly name: string; readonly query: string }
  | {
      readonly kind: 'referrers';
      readonly name: string;
      /** Absent: a digest of an algorithm that nothing is published by. */
      readonly subject?: Digest;
      readonly query: string;
    }
  | { readonly kind: 'catalog'; readonly query: string }
  | { readonly kind: 'mirrors' }
  | { readonly kind: 'search'; readonly query: string }
  /** What docker asks before it searches. */
  | { readonly kind: 'ping' }
  /** What is for a person with a browser. */
  | { readonly kind: 'page'; readonly query: string }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

/** A tag or a digest; never both. */
export type Reference =
  | { readonly tag: string; readonly digest?: undefined }
  | { readonly digest: Digest; readonly tag?: undefined };

export type RouteKind = Route['kind'];

/** A route that names a repository, which has to be looked up first. */
export type NamedRoute = Extract<Route, { readonly name: string }>;

/** Why a request line is answered without a look at the tree. */
export type Refusal =
  | 'no such endpoint'
  | 'name invalid'
  | 'digest invalid'
  | 'not a tag'
  | 'manifest of another algorithm'
  | 'blob of another algorithm'
  | 'serial invalid'
  | 'encoding invalid'
  | 'too long';

/** A longer request target is refused: a name of 255 characters, a sha512 digest and some query fit well. */
export const MAX_TARGET_LENGTH = 4096;

const PREFIX = '/v2/';

/**
 * Reads a request's target (RFC 9112, section 3.2). The name ends at the rightmost component that is `manifests`,
 * `blobs`, `tags` or `referrers` and has something after it, since a name may hold these words, and so may a tag.
 */
export function parseRoute(target: string): Route {
  if (target.length > MAX_TARGET_LENGTH) return refuse('too long');
  const question = target.indexOf('?');
  const path = decodePath(pathOf(question < 0 ? target : target.slice(0, question)));
  if (path === undefined) return refuse('encoding invalid');
  if (path === '/v2/' || path === '/v2') return { kind: 'base' };
  if (path === '/mirrors') return { kind: 'mirrors' };
  const query = question < 0 ? '' : target.slice(question + 1);
  if (path === '/') return { kind: 'page', query };
  if (path === '/v1/search') return { kind: 'search', query };
  if (path === '/v1/_ping') return { kind: 'ping' };
  if (!path.startsWith(PREFIX)) return refuse('no such endpoint');
  if (path === '/v2/_catalog') return { kind: 'catalog', query };

  for (let end = path.lastIndexOf('/'); end >= PREFIX.length;) {
    const start = path.lastIndexOf('/', end - 1) + 1;
    const word = path.slice(start, end);
    if (word === 'manifests' || word === 'blobs' || word === 'tags' || word === 'referrers') {
      return namedRoute(path.slice(PREFIX.length, start - 1), word, path.slice(end + 1), query);
    }
    end = start - 1;
  }
  return refuse('no such endpoint');
}

function namedRoute(
  name: string,
  word: 'manifests' | 'blobs' | 'tags' | 'referrers',
  rest: string,
  query: string,
): Route {
  if (word === 'tags' && rest !== 'list') return refuse('no such endpoint');
  if (!isRepositoryName(name)) return refuse('name invalid');
  if (word === 'manifests') return manifestRoute(name, rest, query);
  if (word === 'tags') return { kind: 'tags', name, query };
  if (word === 'blobs') {
    if (isDigest(rest)) return { kind: 'blob', name, digest: rest, query };
    return refuse(OTHER_DIGEST.test(rest) ? 'blob of another algorithm' : 'digest invalid');
  }
  if (isDigest(rest)) return { kind: 'referrers', name, subject: rest, query };
  return OTHER_DIGEST.test(rest) ? { kind: 'referrers', name, query } : refuse('digest invalid');
}

function manifestRoute(name: string, reference: string, query: string): Route {
  if (isDigest(reference)) return { kind: 'manifest', name, reference: { digest: reference } };
  if (isTag(reference)) {
    const serial = query === '' ? null : new URLSearchParams(query).get('serial');
    if (serial === null) return { kind: 'manifest', name, reference: { tag: reference } };
    if (!SERIAL.test(serial)) return refuse('serial invalid');
    return { kind: 'manifest', name, reference: { tag: reference }, serial: Number(serial) };
  }
  if (OTHER_DIGEST.test(reference)) return refuse('manifest of another algorithm');
  return refuse(reference.includes(':') ? 'digest invalid' : 'not a tag');
}

/** A digest of an algorithm that is not registered is well-formed all the same (image-spec, descriptor.md, "Digests"). */
const OTHER_DIGEST = /^(?!sha(?:256|512):)[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$/;

const SERIAL = /^[1-9][0-9]{0,11}$/;

/** A server has to accept the absolute form of a target, too (RFC 9112, section 3.2.2); its host is not looked at. */
export function pathOf(target: string): string {
  return target.startsWith('/') ? target : target.replace(/^https?:\/\/[^/]*/i, '');
}

/** The path without escapes; undefined if they are not as RFC 3986 says, or hide a slash that may not be hidden. */
export function decodePath(path: string, mayHideSlash = false): string | undefined {
  if (!path.includes('%')) return path;
  if (!mayHideSlash && /%2f/i.test(path)) return undefined;
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}

function refuse(refusal: Refusal): Route {
  return { kind: 'refused', refusal };
}
