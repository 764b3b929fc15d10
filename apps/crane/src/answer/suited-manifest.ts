import { type Digest, parseManifest } from '@gantry/oci';
import { manifestPath } from '@gantry/tree';
import { LRUCache } from 'lru-cache';
import { acceptedKinds } from './accept.ts';
import type { FoundManifest, Lookup, Repository } from '../repositories/repository.ts';
import type { ManifestBytes } from './manifest-bytes.ts';
import type { RareErrors } from '../rare-errors.ts';
import type { Route } from './route.ts';

/** A repository, held beyond the turn in which it was looked up, and what is answered in place of a tag's own manifest. */
export interface Suited {
  readonly repository: Repository;
  /** Absent: nothing is. */
  readonly manifest?: FoundManifest;
}

/**
 * Finds what suits a client that takes no indexes, for a tag that is one: as of old, the image for linux/amd64.
 * @returns undefined when the tag's own manifest is the answer, which it is in all other cases, too: a registry answers what there is
 */
export type SuitManifest = (
  route: Extract<Route, { kind: 'manifest' }>,
  lookup: Lookup,
  accept: string | undefined,
) => Promise<Suited> | undefined;

const REMEMBERED = 1000;
const NONE = '';

export function createSuitManifest(manifests: ManifestBytes, tellError: RareErrors): SuitManifest {
  const commonest = new LRUCache<Digest, Digest | typeof NONE>({ max: REMEMBERED });

  /** The image of an index that is for linux/amd64. */
  const readCommonest = async ({ digest, kind, size }: FoundManifest): Promise<Digest | typeof NONE> => {
    const { manifests: children } = parseManifest(
      await manifests.read(manifestPath(kind, digest), digest, size),
      undefined,
      digest,
    );
    const found = children.find(
      ({ platform }) => platform?.os === 'linux' && platform.architecture === 'amd64',
    );
    commonest.set(digest, found?.digest ?? NONE);
    return found?.digest ?? NONE;
  };

  return ({ reference }, lookup, accept) => {
    if (accept === undefined || reference.digest !== undefined || lookup.state !== 'known') return undefined;
    const accepted = acceptedKinds(accept);
    if (accepted.has('oci-index') && accepted.has('docker-list')) return undefined;
    const found = lookup.manifest(reference);
    if (found === undefined || accepted.has(found.kind)) return undefined;
    if (found.kind !== 'oci-index' && found.kind !== 'docker-list') return undefined;
    const repository = lookup.kept();
    const suited = async (): Promise<Suited> => {
      const digest = commonest.get(found.digest) ?? (await readCommonest(found));
      const image = digest === NONE ? undefined : repository.manifest({ digest });
      return image !== undefined && accepted.has(image.kind)
        ? { repository, manifest: image }
        : { repository };
    };
    return suited().catch((error: unknown) => {
      tellError({ digest: found.digest }, `an index can not be read: ${String(error)}`);
      return { repository };
    });
  };
}
