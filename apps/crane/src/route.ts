import { type Digest, isDigest, isRepositoryName, isTag } from '@gantry/oci';

/** What a request line asks for, its parts checked against their grammars. */
export type Route =
  | { readonly kind: 'base' }
  | { readonly kind: 'manifest'; readonly name: string; readonly reference: Reference }
  | { readonly kind: 'blob'; readonly name: string; readonly digest: Digest }
  | { readonly kind: 'tags'; readonly name: string; readonly query: string }
  | { readonly kind: 'referrers'; readonly name: string; readonly subject: Digest; readonly query: string }
  | { readonly kind: 'catalog' }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

/** A tag or a digest; never both. */
export type Reference =
  | { readonly tag: string; readonly digest?: undefined }
  | { readonly digest: Digest; readonly tag?: undefined };

export type RouteKind = Route['kind'];

/** Why a request line is answered without a look at the tree. */
export type Refusal =
  | 'no such endpoint'
  | 'name invalid'
  | 'digest invalid'
  | 'not a tag'
  | 'encoding invalid'
  | 'too long';

/** A longer request target is refused: a name of 255 characters, a sha512 digest and some query fit well. */
export const MAX_TARGET_LENGTH = 4096;

/**
 * Reads a request's target (RFC 9112, section 3.2). The name ends at the rightmost component that is `manifests`,
 * `blobs`, `tags` or `referrers` and has something after it, since a name may hold these words, and so may a tag.
 */
export function parseRoute(target: string): Route {
  if (target.length > MAX_TARGET_LENGTH) return refuse('too long');
  const question = target.indexOf('?');
  const path = pathOf(question < 0 ? target : target.slice(0, question));
  if (path === '/v2/' || path === '/v2') return { kind: 'base' };
  if (!path.startsWith('/v2/')) return refuse('no such endpoint');
  const parts = componentsOf(path.slice('/v2/'.length));
  if (parts === undefined) return refuse('encoding invalid');
  if (parts.length === 1 && parts[0] === '_catalog') return { kind: 'catalog' };

  for (let at = parts.length - 2; at >= 0; at--) {
    const word = parts[at];
    if (word !== 'manifests' && word !== 'blobs' && word !== 'tags' && word !== 'referrers') continue;
    const name = parts.slice(0, at).join('/');
    const rest = parts.slice(at + 1).join('/');
    if (word === 'tags' && rest !== 'list') return refuse('no such endpoint');
    if (!isRepositoryName(name)) return refuse('name invalid');
    const query = question < 0 ? '' : target.slice(question + 1);
    switch (word) {
      case 'manifests':
        return manifestRoute(name, rest);
      case 'blobs':
        return isDigest(rest) ? { kind: 'blob', name, digest: rest } : refuse('digest invalid');
      case 'tags':
        return { kind: 'tags', name, query };
      case 'referrers':
        return isDigest(rest) ? { kind: 'referrers', name, subject: rest, query } : refuse('digest invalid');
    }
  }
  return refuse('no such endpoint');
}

function manifestRoute(name: string, reference: string): Route {
  if (isDigest(reference)) return { kind: 'manifest', name, reference: { digest: reference } };
  if (isTag(reference)) return { kind: 'manifest', name, reference: { tag: reference } };
  return refuse(reference.includes(':') ? 'digest invalid' : 'not a tag');
}

/** A server has to accept the absolute form of a target, too (RFC 9112, section 3.2.2); its host is not looked at. */
function pathOf(target: string): string {
  return target.startsWith('/') ? target : target.replace(/^https?:\/\/[^/]*/i, '');
}

/** The path's components, decoded each for itself; undefined if one is not as RFC 3986 says. */
function componentsOf(path: string): string[] | undefined {
  const parts = path.split('/');
  if (!path.includes('%')) return parts;
  try {
    return parts.map(decodeURIComponent);
  } catch {
    return undefined;
  }
}

function refuse(refusal: Refusal): Route {
  return { kind: 'refused', refusal };
}
