import type { ChannelTag, Companions } from '@gantry/catalog';
import { type Digest, MANIFEST_KINDS, subjectOfCompanionTag } from '@gantry/oci';
import { blobPath, manifestPath, type RepositoryDocument } from '@gantry/tree';

/** What a purge takes away. */
export interface PurgedContent {
  /** What must be nowhere any more. */
  readonly digest: Digest;
  /** Manifests that are not whole without it, itself among them if it is one: nothing names them any more. */
  readonly manifests: ReadonlySet<Digest>;
}

/** Where a digest may lie in a tree: as a blob, and as a manifest of any kind. */
export function poolPathsOf(digest: Digest): string[] {
  return [blobPath(digest), ...MANIFEST_KINDS.map((kind) => manifestPath(kind, digest))];
}

/** What goes with an image, without what can not be whole any more, and without what was named after that. */
export function withoutPurged<T extends Companions>(one: T, { manifests }: PurgedContent): T {
  const companions = one.companions.filter(({ tag, digest }) => {
    const subject = subjectOfCompanionTag(tag);
    return !manifests.has(digest) && (subject === undefined || !manifests.has(subject));
  });
  return { ...one, companions, referrers: one.referrers.filter((digest) => !manifests.has(digest)) };
}

/** What becomes of a tag in a channel: undefined if it goes. */
export function tagAfter(tag: ChannelTag, content: PurgedContent): ChannelTag | undefined {
  return content.manifests.has(tag.digest) ? undefined : withoutPurged(tag, content);
}

/** A repository's document without the manifests that go, and without the blob. Its referrers stay as they stand. */
export function documentAfter(
  document: RepositoryDocument,
  { digest: purged, manifests }: PurgedContent,
): RepositoryDocument {
  const stays = ([digest]: readonly [Digest, unknown]) => !manifests.has(digest);
  return {
    ...document,
    tags: new Map([...document.tags].filter(([, digest]) => !manifests.has(digest))),
    manifests: new Map([...document.manifests].filter(stays)),
    blobs: new Map([...document.blobs].filter(([digest]) => digest !== purged)),
    referrers: new Map([...document.referrers].filter(stays)),
  };
}

/** Whether a document names anything that goes. */
export function isNamedBy(document: RepositoryDocument, { digest, manifests }: PurgedContent): boolean {
  if (document.blobs.has(digest)) return true;
  for (const one of document.manifests.keys()) if (manifests.has(one)) return true;
  return false;
}
