import { isDigest } from '@gantry/oci';
import type { Route } from '../answer/route.ts';
import { type Accepted, readAccept } from './accept.ts';
import type { PathsFile } from './redirect-file.ts';
import { type ManifestPlace, manifestPathOf, resolveDigest, resolveManifest } from './resolve-manifest.ts';
import type { SplitPath } from './split-path.ts';

/** Where what is asked for lies below the `url` of a repository, or below its folder. */
export interface Located {
  /** Encoded as a URL has it. */
  readonly path: string;
  readonly what: 'manifest' | 'blob' | 'tags';
  /** Of a manifest. */
  readonly place?: ManifestPlace;
  /** A manifest was asked for by a tag, though its place may name a digest: who accepts others, or asks later, gets another. */
  readonly isByTag?: boolean;
}

/** A route that redirect files know something of. */
export type LocatableRoute = Extract<Route, { readonly kind: 'manifest' | 'blob' | 'tags' }>;

/** Where a request of the distribution API leads; its parts are of their grammars. */
export function locate(file: PathsFile, route: LocatableRoute, accept: string | undefined): Located {
  if (route.kind === 'blob') return { path: `blobs/${route.digest}`, what: 'blob' };
  if (route.kind === 'tags') return { path: 'tags/list', what: 'tags' };
  const { tag, digest } = route.reference;
  const accepted = readAccept(accept);
  const place =
    digest === undefined
      ? resolveManifest(file.manifests, tag, accepted)
      : resolveDigest(file.manifests, digest, accepted);
  return { path: manifestPathOf(place), what: 'manifest', place, isByTag: digest === undefined };
}

/**
 * The same as Pulp's Crane does it: nothing is checked, and all is passed on. Undefined where it fails itself, for a manifest
 * with no or several parts, and for a path with dots, which clients would leave the repository by.
 */
export function locateAsCrane(
  file: PathsFile,
  { word, rest }: SplitPath,
  accept: string | undefined,
): Located | undefined {
  if (rest.some((part) => part === '.' || part === '..')) return undefined;
  const passed = [word, ...rest.map(encodePart)].join('/');
  if (word === 'blobs') return { path: passed, what: 'blob' };
  if (word === 'tags') return { path: passed, what: 'tags' };
  const accepted: Accepted = readAccept(accept);
  const [id, ...more] = rest;
  const isByTag = id !== undefined && !isDigest(id);
  if (file.manifests === undefined)
    return { path: passed, what: 'manifest', place: { id: rest.join('/') }, isByTag };
  if (id === undefined || more.length > 0) return undefined;
  const place = resolveManifest(file.manifests, id, accepted);
  return { path: manifestPathOf({ ...place, id: encodePart(place.id) }), what: 'manifest', place, isByTag };
}

/** The digest that a located path names; undefined: it names a tag, or something else. */
export function digestIn({ path, place }: Located): string | undefined {
  const last = place?.id ?? path.slice(path.lastIndexOf('/') + 1);
  return isDigest(last) ? last : undefined;
}

/** A part of a path, with all that a URL may not have in one encoded. */
function encodePart(part: string): string {
  return encodeURIComponent(part).replaceAll('%3A', ':').replaceAll('%40', '@').replaceAll('%2B', '+');
}
