import { type Digest, MANIFEST_MEDIA_TYPES, type ManifestKind, quote } from '@gantry/oci';
import { type BlobEntry, blobPath, manifestPath } from '@gantry/tree';
import {
  type Answer,
  API_VERSION,
  badCount,
  errorAnswer,
  IMMUTABLE,
  jsonAnswer,
  NO_BODY,
  OF_TAG,
  SHORT_LIVED,
  unavailable,
} from './answer.ts';
import { chooseMirror, type Client, duplicatesOf, lastResort, type Wanted } from '../choose/choose-mirror.ts';
import { locationOf, type Mirror, type MirrorState } from '../choose/mirror.ts';
import { asksForMirrorList, mirrorListAnswer, mirrorsAnswer } from './mirror-list.ts';
import { noReferrers, parseReferrersQuery } from './referrers.ts';
import type { NamedRoute, Reference, Refusal, Route } from './route.ts';
import { parseTagQuery, tagPage } from './tag-page.ts';

/** What the crane knows of one published repository. */
export interface Repository {
  readonly state: 'known';
  /** It is the last good state of one that can't be read just now: what it lacks may have come since. */
  readonly isFormer: boolean;
  /** The manifest of a tag or a digest, with its digest. */
  manifest(reference: Reference): FoundManifest | undefined;
  blob(digest: Digest): BlobEntry | undefined;
  /** The digest of the subject's referrers document. */
  referrers(subject: Digest): Digest | undefined;
  /** All tags, in the order of their code units. */
  tagNames(): readonly string[];
}

/** A manifest that a reference leads to. */
export interface FoundManifest {
  readonly digest: Digest;
  readonly kind: ManifestKind;
  readonly size: number;
  readonly since: number;
}

/** What is known of the name in a request. */
export type Lookup =
  | Repository
  /** Proven: root and shard were read, and do not name it. Or nothing is published yet. */
  | { readonly state: 'absent' }
  /** Its document, or the way to it, can't be read. */
  | { readonly state: 'unreadable' }
  /** The serial that was asked for is none of the tree's, or is kept no more. */
  | { readonly state: 'not kept'; readonly serial: number };

/** What stands for all requests until a mirror changes. */
export interface Site {
  readonly mirrors: readonly MirrorState[];
  readonly manifests: 'redirect' | 'serve' | 'auto';
  readonly status: 302 | 307;
  /** No mirror is configured and the tree is a directory: blobs are served from it. */
  readonly servesBlobs: boolean;
  /** The same for what is private: no mirror checks signed URLs, and the tree is a directory. */
  readonly servesPrivateBlobs?: boolean;
  /** Makes a URL of a mirror that checks signatures one that leads to the file; absent: none does. */
  readonly signUrl?: (base: string, path: string) => string;
}

export type Method = 'GET' | 'HEAD';

/** The answer to a request with more than one Host. */
export const MANY_HOSTS = errorAnswer(
  'refused',
  400,
  'UNSUPPORTED',
  'more than one Host: a request has one (RFC 9112, section 3.2)',
);

/** The answer for a method that is neither GET nor HEAD. */
export const WRONG_METHOD = errorAnswer('method', 405, 'UNSUPPORTED', 'only GET and HEAD are answered here', [
  'Allow',
  'GET, HEAD',
]);

const BASE = jsonAnswer('base', '{}', ['Cache-Control', 'no-cache']);
const NO_CATALOG = errorAnswer('catalog', 404, 'UNSUPPORTED', 'the catalogue of names is not public here');
const REFUSALS: Readonly<Record<Refusal, Answer>> = {
  'no such endpoint': errorAnswer(
    'refused',
    404,
    'UNSUPPORTED',
    'no endpoint of the distribution specification',
  ),
  'name invalid': errorAnswer(
    'refused',
    400,
    'NAME_INVALID',
    'not a repository name: lower-case letters, digits and single separators, parts joined by "/"',
  ),
  'digest invalid': errorAnswer(
    'refused',
    400,
    'DIGEST_INVALID',
    'not a digest: sha256:<64 hex> or sha512:<128 hex> is',
  ),
  // A name that no tag can have is one that no manifest has: the conformance suite asks for 404.
  'not a tag': errorAnswer('refused', 404, 'MANIFEST_UNKNOWN', 'not a tag, so no manifest has it'),
  'manifest of another algorithm': errorAnswer(
    'refused',
    404,
    'MANIFEST_UNKNOWN',
    'manifests are known by their sha256 or sha512 digest here',
  ),
  'blob of another algorithm': errorAnswer(
    'refused',
    404,
    'BLOB_UNKNOWN',
    'blobs are known by their sha256 or sha512 digest here',
  ),
  'encoding invalid': errorAnswer(
    'refused',
    400,
    'NAME_INVALID',
    'the path is not percent-encoded as it should be',
  ),
  'serial invalid': errorAnswer(
    'refused',
    400,
    'UNSUPPORTED',
    '"serial" has to be the number of a serial, from 1 up',
  ),
  'too long': errorAnswer('refused', 414, 'UNSUPPORTED', 'the request target is too long'),
};
/** The answer to a request whose route names no repository. */
export function decideUnnamed(route: Exclude<Route, NamedRoute>, site: Site): Answer {
  if (route.kind === 'refused') return REFUSALS[route.refusal];
  if (route.kind === 'page' || route.kind === 'search' || route.kind === 'ping')
    return REFUSALS['no such endpoint'];
  if (route.kind === 'mirrors') return mirrorsAnswer(site.mirrors);
  return route.kind === 'base' ? BASE : NO_CATALOG;
}

/** What else is known of a request. */
export interface Circumstances {
  /** Not everybody may read the repository: only what checks signed URLs is sent a request for it, and that for blobs alone. */
  readonly isPrivate?: boolean;
  /** The client holds no manifest against the digest that it asks for: only what the operator vouches for may answer. */
  readonly takesOnTrust?: boolean;
}

/** The answer to a request for a repository or something in it. The tree of decisions stands as a picture in README.md. */
export function decide(
  method: Method,
  route: NamedRoute,
  lookup: Lookup,
  site: Site,
  client: Client,
  { isPrivate = false, takesOnTrust = false }: Circumstances = {},
): Answer {
  if (
    lookup.state === 'unreadable' ||
    (lookup.state === 'known' && lookup.isFormer && lacks(lookup, route))
  ) {
    return unavailable(route.kind, `what is published as ${quote(route.name)} can not be read just now`);
  }
  if (lookup.state === 'absent') {
    return errorAnswer(route.kind, 404, 'NAME_UNKNOWN', `nothing is published as ${quote(route.name)}`);
  }
  if (lookup.state === 'not kept') {
    return errorAnswer(
      route.kind,
      404,
      'MANIFEST_UNKNOWN',
      `there is no serial ${lookup.serial}, or it is kept no more`,
    );
  }
  switch (route.kind) {
    case 'manifest':
      return manifestAnswer(method, route, lookup, site, client, { isPrivate, takesOnTrust });
    case 'blob':
      return blobAnswer(method, route, lookup, site, client, isPrivate);
    case 'tags':
      return tagsAnswer(route, lookup);
    default:
      return referrersAnswer(route, lookup);
  }
}

/** Whether what is asked for is not in a repository. */
function lacks(repository: Repository, route: NamedRoute): boolean {
  switch (route.kind) {
    case 'manifest':
      return repository.manifest(route.reference) === undefined;
    case 'blob':
      return repository.blob(route.digest) === undefined;
    case 'referrers':
      return route.subject !== undefined && repository.referrers(route.subject) === undefined;
    default:
      return false;
  }
}

function manifestAnswer(
  method: Method,
  { name, reference }: Extract<Route, { kind: 'manifest' }>,
  repository: Repository,
  site: Site,
  client: Client,
  { isPrivate, takesOnTrust }: Required<Circumstances>,
): Answer {
  const found = repository.manifest(reference);
  if (found === undefined) {
    const said = quote(reference.digest ?? reference.tag);
    return errorAnswer('manifest', 404, 'MANIFEST_UNKNOWN', `${quote(name)} has no manifest ${said}`);
  }
  const byTag = reference.digest === undefined;
  const mayRedirect = method === 'GET' && !isPrivate;
  const { digest, kind, size, since } = found;
  const path = manifestPath(kind, digest);
  const wanted = {
    repository: name,
    digest,
    path,
    size,
    since,
    isTyped: true,
    trustedOnly: byTag || takesOnTrust,
  };
  const mirror = mayRedirect ? mirrorForManifest(wanted, kind, site, client) : undefined;
  if (mirror !== undefined) return redirect('manifest', mirror, path, site);
  return {
    route: 'manifest',
    status: 200,
    headers: [
      'Content-Type',
      MANIFEST_MEDIA_TYPES[kind],
      ...contentHeaders(digest, size),
      ...(byTag ? OF_TAG : IMMUTABLE),
    ],
    body: method === 'HEAD' ? NO_BODY : { from: 'tree', path, digest, sizeBytes: size },
    etag: etagOf(digest),
  };
}

/** The mirror that a manifest's request is sent to; undefined when the crane serves the manifest itself. */
function mirrorForManifest(
  wanted: Wanted,
  kind: ManifestKind,
  { manifests, mirrors }: Site,
  client: Client,
): MirrorState | undefined {
  if (manifests === 'serve') return undefined;
  if (manifests === 'redirect')
    return chooseMirror(mirrors, wanted, client) ?? lastResort(mirrors, wanted, client);
  // No last resort here: the crane itself is better than a mirror that did not prove itself.
  return chooseMirror(mirrors, { ...wanted, kind }, client);
}

function blobAnswer(
  method: Method,
  { name, digest, query }: Extract<Route, { kind: 'blob' }>,
  repository: Repository,
  site: Site,
  client: Client,
  isPrivate: boolean,
): Answer {
  const entry = repository.blob(digest);
  if (entry === undefined) {
    return errorAnswer('blob', 404, 'BLOB_UNKNOWN', `${quote(name)} has no blob ${digest}`);
  }
  const path = blobPath(digest);
  const wanted = {
    repository: name,
    digest,
    path,
    size: entry.size,
    since: entry.since,
    signedOnly: isPrivate,
  };
  if (asksForMirrorList(query)) return mirrorListAnswer(site.mirrors, wanted, path, client);
  if (method === 'HEAD' || (isPrivate ? site.servesPrivateBlobs === true : site.servesBlobs)) {
    return {
      route: 'blob',
      status: 200,
      headers: [
        'Content-Type',
        'application/octet-stream',
        ...contentHeaders(digest, entry.size),
        'Accept-Ranges',
        'bytes',
        ...IMMUTABLE,
      ],
      body: method === 'HEAD' ? NO_BODY : { from: 'file', path, sizeBytes: entry.size },
      etag: etagOf(digest),
    };
  }
  const mirror = chooseMirror(site.mirrors, wanted, client) ?? lastResort(site.mirrors, wanted, client);
  if (mirror === undefined) {
    return unavailable('blob', `no mirror that is known to hold the blob ${digest} answers just now`);
  }
  return redirect('blob', mirror, path, site, duplicatesOf(mirror, site.mirrors, wanted, client));
}

/**
 * `path` is made of a digest's and a kind's own alphabet, and the base is the configuration's: no more goes into a
 * Location, but the signature where the mirror looks for one.
 * @param duplicates other mirrors that have the same, for clients that can make use of them (RFC 6249, section 2)
 */
function redirect(
  route: 'manifest' | 'blob',
  { mirror }: MirrorState,
  path: string,
  site: Site,
  duplicates: readonly MirrorState[] = [],
): Answer {
  const headers = ['Location', addressAt(mirror, path, site), 'Content-Length', '0'];
  if (duplicates.length > 0) {
    const links = duplicates.map((other, index) => {
      const [country] = other.mirror.countries;
      const geo = country === undefined ? '' : `; geo=${country.toLowerCase()}`;
      return `<${addressAt(other.mirror, path, site)}>; rel=duplicate; pri=${index + 2}${geo}`;
    });
    headers.push('Link', links.join(', '));
  }
  return { route, status: site.status, headers, body: NO_BODY, mirror: mirror.name };
}

function addressAt(mirror: Mirror, path: string, { signUrl }: Site): string {
  return mirror.isSigned && signUrl !== undefined ? signUrl(mirror.base, path) : locationOf(mirror, path);
}

function tagsAnswer(route: Extract<Route, { kind: 'tags' }>, repository: Repository): Answer {
  const query = parseTagQuery(route.query);
  if (query === undefined) return badCount('tags');
  const { tags, next } = tagPage(repository.tagNames(), query);
  const body = JSON.stringify({ name: route.name, tags });
  if (next === undefined) return jsonAnswer('tags', body, SHORT_LIVED);
  // Name and tag have no character that a URL would need encoded. A relative reference stays on the crane's own host.
  const count = query.limited ? `n=${query.limit}&` : '';
  const link = `</v2/${route.name}/tags/list?${count}last=${next}>; rel="next"`;
  return jsonAnswer('tags', body, [...SHORT_LIVED, 'Link', link]);
}

function referrersAnswer(
  { subject, query }: Extract<Route, { kind: 'referrers' }>,
  repository: Repository,
): Answer {
  const artifactType = parseReferrersQuery(query);
  const document = subject === undefined ? undefined : repository.referrers(subject);
  if (document === undefined) return noReferrers(artifactType);
  return {
    route: 'referrers',
    status: 200,
    headers: [],
    body: { from: 'referrers', document, ...(artifactType === undefined ? {} : { artifactType }) },
  };
}

function contentHeaders(digest: Digest, sizeBytes: number): readonly string[] {
  return [
    'Content-Length',
    String(sizeBytes),
    'Docker-Content-Digest',
    digest,
    'ETag',
    etagOf(digest),
    ...API_VERSION,
  ];
}

function etagOf(digest: Digest): string {
  return `"${digest}"`;
}
