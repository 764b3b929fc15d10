import type { Digest, ManifestKind } from '@gantry/oci';
import { canonicalBytes, type RepositoryDocument } from '@gantry/tree';

/** A manifest of a repository, and what the tree says of it. */
export interface RepositoryManifest {
  readonly digest: Digest;
  readonly kind: ManifestKind;
  readonly size: number;
}

/** All manifests of a repository, those too that no tag reaches any more. */
export function manifestsOf(repository: RepositoryDocument): RepositoryManifest[] {
  return [...repository.manifests].map(([digest, { kind, size }]) => ({ digest, kind, size }));
}

/** The same, as phases: images before the indexes that name them. */
export function manifestPhases(repository: RepositoryDocument): RepositoryManifest[][] {
  const all = manifestsOf(repository);
  const isIndex = ({ kind }: RepositoryManifest) => kind === 'oci-index' || kind === 'docker-list';
  return [all.filter((one) => !isIndex(one)), all.filter(isIndex)];
}

/** All tags of a repository, sorted, each with its manifest. */
export function tagsOf({ tags, manifests }: RepositoryDocument): (RepositoryManifest & { tag: string })[] {
  return [...tags.keys()].toSorted().flatMap((tag) => {
    const digest = tags.get(tag);
    const entry = digest === undefined ? undefined : manifests.get(digest);
    if (digest === undefined || entry === undefined) return [];
    return [{ tag, digest, kind: entry.kind, size: entry.size }];
  });
}

/** What `tags/list` answers (distribution-spec, "Listing Tags"), all of it. */
export function tagsListBody(repository: RepositoryDocument): Uint8Array {
  return canonicalBytes({ name: repository.name, tags: [...repository.tags.keys()].toSorted() });
}
