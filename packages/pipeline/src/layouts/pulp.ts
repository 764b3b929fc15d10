import {
  type Digest,
  forEachConcurrently,
  MANIFEST_MEDIA_TYPES,
  type ManifestKind,
  parseManifest,
} from '@gantry/oci';
import { blobPath, canonicalBytes, manifestPath, type RepositoryDocument } from '@gantry/tree';
import { kindPath, kindPaths, withoutKind } from './kinds.ts';
import type { LaidFile, Layout, ObjectReader } from './layout.ts';
import { clashes, repositoryBefore } from './names.ts';
import {
  manifestPhases,
  manifestsOf,
  type RepositoryManifest,
  tagsListBody,
  tagsOf,
} from './repository-content.ts';

const RESERVED = ['manifests', 'blobs', 'tags'];
/** Where Crane's `data_dir` is. No repository's name begins with a `_`. */
const REDIRECTS = '_app';
const SUFFIX = '.json';
/** What Linux takes as one name. */
const NAME_MAX_BYTES = 255;

/**
 * Pulp 2's folders by schema version. It knew no OCI manifests; Crane asks for whatever it does not know in
 * `manifests/1`, so there they are.
 */
const FOLDER_OF: Readonly<Record<ManifestKind, string>> = {
  'docker-manifest': '2',
  'docker-list': 'list',
  'oci-manifest': '1',
  'oci-index': '1',
};

/**
 * What Pulp 2 published for Crane: a folder a repository, and the file that tells Crane of it.
 * @param url where the layout's folder is served
 */
export function pulp(url: string): Layout {
  const firstAmd64 = amd64Finder();
  return {
    async files(repository, objects) {
      const { name } = repository;
      const manifest = (as: string, { kind, digest, size }: RepositoryManifest): LaidFile[] => {
        const path = `${name}/manifests/${FOLDER_OF[kind]}/${as}`;
        const content = { pool: manifestPath(kind, digest), digest, size };
        const isMixed = FOLDER_OF[kind] === '1';
        return [...(isMixed ? [{ path: kindPath(kind, path), content }] : []), { path, content }];
      };
      const announced = await redirectFile(repository, url, objects, firstAmd64);
      return [
        [...repository.blobs].map(([digest, { size }]) => ({
          path: `${name}/blobs/${digest}`,
          content: { pool: blobPath(digest), digest, size },
        })),
        ...manifestPhases(repository).map((phase) => phase.flatMap((one) => manifest(one.digest, one))),
        tagsOf(repository).flatMap(({ tag, ...one }) => manifest(tag, one)),
        [{ path: `${name}/tags/list`, content: { bytes: tagsListBody(repository) } }],
        [{ path: redirectPath(name), content: { bytes: announced } }],
      ];
    },
    places: (name) => [
      `${name}/blobs`,
      ...kindPaths(`${name}/manifests`),
      `${name}/manifests`,
      `${name}/tags`,
      redirectPath(name),
    ],
    repositoryOf(path) {
      const [first, file, ...more] = path.split('/');
      if (first !== REDIRECTS) return repositoryBefore(withoutKind(path), RESERVED);
      if (file?.endsWith(SUFFIX) !== true || more.length > 0) return undefined;
      return file.slice(0, -SUFFIX.length).replaceAll('+', '/');
    },
    hasRoomFor: (name) =>
      !clashes(name, RESERVED) && redirectPath(name).length - REDIRECTS.length <= NAME_MAX_BYTES,
  };
}

/** One folder for all, as Crane looks at the times of folders: `fedora/httpd` is `fedora+httpd.json`. */
function redirectPath(repository: string): string {
  return `${REDIRECTS}/${repository.replaceAll('/', '+')}${SUFFIX}`;
}

/** Which manifest of a list is for linux/amd64. */
type FindAmd64 = (list: RepositoryManifest, objects: ObjectReader) => Promise<Digest | undefined>;

/** Crane's redirect file, version 4 (pulp/crane, docs/index.rst). */
async function redirectFile(
  repository: RepositoryDocument,
  url: string,
  objects: ObjectReader,
  firstAmd64: FindAmd64,
): Promise<Uint8Array> {
  const { name } = repository;
  const all = [
    ...tagsOf(repository).map(({ tag, ...one }) => ({ as: tag, ...one })),
    ...manifestsOf(repository).map((one) => ({ as: one.digest as string, ...one })),
  ];
  const namesOf = (wanted: ManifestKind) =>
    all.flatMap(({ as, kind }) => (kind === wanted ? [as] : [])).toSorted();
  const amd64 = new Map<string, readonly [Digest, number]>();
  const lists = tagsOf(repository).filter(({ kind }) => kind === 'docker-list');
  await forEachConcurrently(lists, 16, async ({ tag, ...list }) => {
    const digest = await firstAmd64(list, objects);
    if (digest !== undefined) amd64.set(tag, [digest, 2]);
  });
  return canonicalBytes({
    version: 4,
    type: 'pulp-docker-redirect',
    repository: name,
    'repo-registry-id': name,
    url: `${url}/${name}/`,
    protected: false,
    schema2_data: namesOf('docker-manifest'),
    manifest_list_data: namesOf('docker-list'),
    manifest_list_amd64_tags: amd64,
  });
}

/** What was found is kept: a list never changes, and a redirect file tells of all lists of its repository. */
function amd64Finder(): FindAmd64 {
  const found = new Map<Digest, Digest | undefined>();
  return async ({ kind, digest }, objects) => {
    if (found.has(digest)) return found.get(digest);
    const bytes = await objects.manifest(manifestPath(kind, digest), digest);
    const entry = parseManifest(bytes, MANIFEST_MEDIA_TYPES[kind], digest).manifests.find(
      ({ platform }) => platform?.os === 'linux' && platform.architecture === 'amd64',
    );
    const isSchema2 = entry?.mediaType === MANIFEST_MEDIA_TYPES['docker-manifest'];
    if (found.size >= FOUND_MAX) found.clear();
    found.set(digest, isSchema2 ? entry.digest : undefined);
    return found.get(digest);
  };
}

/** Of 200 bytes each, about. */
const FOUND_MAX = 100_000;
