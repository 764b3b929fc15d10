import { type Digest, MANIFEST_MEDIA_TYPES, type ManifestKind, quote } from '@gantry/oci';
import { blobPath, manifestPath } from '@gantry/tree';
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
import { chooseMirror, type Client, duplicatesOf, findMirror, type Wanted } from '../choose/choose-mirror.ts';
import type { MirrorState } from '../choose/mirror.ts';
import type { FoundManifest, Lookup, Repository } from '../repositories/repository.ts';
import { isKnownToClient } from './conditional.ts';
import { asksForMirrorList, mirrorListAnswer } from './mirror-list.ts';
import { redirect } from './redirect.ts';
import { noReferrers, parseReferrersQuery } from './referrers.ts';
import type { NamedRoute, Route } from './route.ts';
import type { Site } from './site.ts';
import { parseTagQuery, tagPage } from './tag-page.ts';

export type Method = 'GET' | 'HEAD';

/** What else is known of a request. */
export interface Circumstances {
  /** Not everybody may read the repository: only what checks signed URLs is sent a request for it, and that for blobs alone. */
  readonly isPrivate?: boolean;
  /** The client holds no manifest against the digest that it asks for: only what the operator vouches for may answer. */
  readonly takesOnTrust?: boolean;
  /** The header If-None-Match: a client that has the manifest or blob is sent nowhere for it. */
  readonly ifNoneMatch?: string | undefined;
  /** What is answered in place of the manifest that was asked for; undefined: nothing is. */
  readonly suited?: FoundManifest | undefined;
}

/** The answer to a request for a repository or something in it. The tree of decisions stands as a picture in README.md. */
export function decide(
  method: Method,
  route: NamedRoute,
  lookup: Lookup,
  site: Site,
  client: Client,
  circumstances: Circumstances = {},
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
      return manifestAnswer(method, route, lookup, site, client, circumstances);
    case 'blob':
      return blobAnswer(method, route, lookup, site, client, circumstances);
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
  { isPrivate = false, takesOnTrust = false, ifNoneMatch, suited }: Circumstances,
): Answer {
  const found = suited ?? repository.manifest(reference);
  if (found === undefined) {
    const said = quote(reference.digest ?? reference.tag);
    return errorAnswer('manifest', 404, 'MANIFEST_UNKNOWN', `${quote(name)} has no manifest ${said}`);
  }
  const byTag = reference.digest === undefined;
  const { digest, kind, size, since } = found;
  const mayRedirect = method === 'GET' && !isPrivate && !isKnown(ifNoneMatch, digest);
  const path = manifestPath(kind, digest);
  const wanted = {
    repository: name,
    digest,
    path,
    size,
    since,
    isTyped: true,
    isHere: site.manifests === 'auto',
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
  if (manifests === 'redirect') return findMirror(mirrors, wanted, client);
  // No last resort here: the crane itself is better than a mirror that did not prove itself.
  return chooseMirror(mirrors, { ...wanted, kind }, client);
}

function blobAnswer(
  method: Method,
  { name, digest, query }: Extract<Route, { kind: 'blob' }>,
  repository: Repository,
  site: Site,
  client: Client,
  { isPrivate = false, ifNoneMatch }: Circumstances,
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
  const hasIt = isKnown(ifNoneMatch, digest);
  if (method === 'HEAD' || hasIt || (isPrivate ? site.servesPrivateBlobs === true : site.servesBlobs)) {
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
      body: method === 'HEAD' || hasIt ? NO_BODY : { from: 'file', path, sizeBytes: entry.size },
      etag: etagOf(digest),
    };
  }
  const mirror = findMirror(site.mirrors, wanted, client);
  if (mirror === undefined) return unavailable('blob', whyNowhere(digest, site, client));
  return redirect('blob', mirror, path, site, duplicatesOf(mirror, site.mirrors, wanted, client));
}

/** Why a client can't be sent anywhere for a blob. */
function whyNowhere(digest: Digest, { mirrors }: Site, { isHttps }: Client): string {
  const arePlain = mirrors.length > 0 && mirrors.every(({ mirror }) => mirror.base.startsWith('http:'));
  return isHttps === true && arePlain
    ? 'all mirrors are http, and who comes by https is sent to none of these'
    : `no mirror that is known to hold the blob ${digest} answers just now`;
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

/** Whether a client has what a digest names, by its If-None-Match. */
function isKnown(ifNoneMatch: string | undefined, digest: Digest): boolean {
  return ifNoneMatch !== undefined && isKnownToClient(ifNoneMatch, etagOf(digest));
}

function etagOf(digest: Digest): string {
  return `"${digest}"`;
}
