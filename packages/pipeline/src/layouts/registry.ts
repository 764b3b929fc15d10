import { blobPath, indexPath, manifestPath, type RepositoryDocument } from '@gantry/tree';
import { kindPath, kindPaths, withoutKind } from './kinds.ts';
import type { LaidFile, Layout } from './layout.ts';
import { clashes, repositoryBefore } from './names.ts';
import { manifestPhases, type RepositoryManifest, tagsListBody, tagsOf } from './repository-content.ts';

const RESERVED = ['manifests', 'blobs', 'referrers', 'tags'];

/**
 * The paths of the registry's own API as files: a web server with the shipped rules is then a registry that can be
 * pulled from.
 */
export function registry(): Layout {
  return {
    async files(repository) {
      const at = folder(repository.name);
      const manifest = (name: string, { kind, digest, size }: RepositoryManifest) =>
        [kindPath(kind, `${at}/manifests/${name}`), `${at}/manifests/${name}`].map((path): LaidFile => ({
          path,
          content: { pool: manifestPath(kind, digest), digest, size },
        }));
      return [
        blobs(repository, at),
        ...manifestPhases(repository).map((phase) => phase.flatMap((one) => manifest(one.digest, one))),
        [...repository.referrers].map(([subject, digest]) => ({
          path: `${at}/referrers/${subject}`,
          content: { pool: indexPath(digest), digest },
        })),
        tagsOf(repository).flatMap(({ tag, ...one }) => manifest(tag, one)),
        [{ path: `${at}/tags/list`, content: { bytes: tagsListBody(repository) } }],
      ];
    },
    places(repository) {
      const at = folder(repository);
      return [
        `${at}/blobs`,
        `${at}/referrers`,
        ...kindPaths(`${at}/manifests`),
        `${at}/manifests`,
        `${at}/tags`,
      ];
    },
    repositoryOf(path) {
      const [version, ...rest] = withoutKind(path).split('/');
      return version === 'v2' ? repositoryBefore(rest.join('/'), RESERVED) : undefined;
    },
    hasRoomFor: (repository) => !clashes(repository, RESERVED),
    // What `GET /v2/` is answered with, where a web server's rules can hold no text.
    ownFiles: [{ path: 'ping.json', content: { bytes: Buffer.from('{}') } }],
  };
}

function folder(repository: string): string {
  return `v2/${repository}`;
}

function blobs(repository: RepositoryDocument, at: string): LaidFile[] {
  return [...repository.blobs].map(([digest, { size }]) => ({
    path: `${at}/blobs/${digest}`,
    content: { pool: blobPath(digest), digest, size },
  }));
}
