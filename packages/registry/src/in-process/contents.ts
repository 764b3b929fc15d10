import {
  type Descriptor,
  Descriptor as DescriptorSchema,
  type Digest,
  digestOf,
  isDigest,
  MANIFEST_MEDIA_TYPES,
  parseRepositoryName,
  parseTag,
  referrersTag,
} from '@gantry/oci';
import { Named } from './named.ts';

/** A manifest as it was put. */
export interface StoredManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Buffer;
}

/** One repository's content. */
export interface StoredRepository {
  readonly blobs: Map<Digest, Buffer>;
  readonly manifests: Map<Digest, StoredManifest>;
  readonly tags: Named<Digest>;
  /** By subject: what refers to it, as the referrers API tells it. */
  readonly referrers: Map<Digest, Descriptor[]>;
}

/** What an in-process registry holds, in memory. */
export interface Contents {
  readonly repositories: Named<StoredRepository>;
  readonly putBlob: (repository: string, bytes: Uint8Array) => { digest: Digest; size: number };
  readonly putManifest: (
    repository: string,
    bytes: Uint8Array,
    mediaType: string,
    ...tags: string[]
  ) => StoredManifest;
  /** Many at once, for a repository with tens of thousands: each costs no more than its name. */
  readonly putTags: (repository: string, tags: Iterable<string>, digest: Digest) => void;
  /** With the tags that mean it, and out of its subject's referrers. */
  readonly deleteManifest: (repository: string, digest: Digest) => void;
}

/**
 * @param referrersTags whether referrers are kept under the fallback tag too, as clients do with a registry that has no
 * referrers API (distribution-spec, "Pushing Manifests with Subject")
 */
export function createContents(referrersTags: boolean): Contents {
  const repositories = new Named<StoredRepository>();
  const open = (name: string): StoredRepository => {
    const known = repositories.get(name);
    if (known !== undefined) return known;
    const made = { blobs: new Map(), manifests: new Map(), tags: new Named<Digest>(), referrers: new Map() };
    repositories.set(parseRepositoryName(name), made);
    return made;
  };

  const putTags: Contents['putTags'] = (repository, tags, digest) => {
    const stored = open(repository).tags;
    for (const tag of tags) stored.set(parseTag(tag), digest);
  };

  const putManifest: Contents['putManifest'] = (name, bytes, mediaType, ...tags) => {
    const repository = open(name);
    const stored = { digest: digestOf(bytes), mediaType, bytes: Buffer.from(bytes) };
    repository.manifests.set(stored.digest, stored);
    putTags(name, tags, stored.digest);
    const reference = referenceOf(stored);
    if (reference !== undefined) {
      const others = (repository.referrers.get(reference.subject) ?? []).filter(
        (other) => other.digest !== stored.digest,
      );
      repository.referrers.set(reference.subject, [...others, reference.descriptor]);
      if (referrersTags) {
        const index = referrersIndex([...others, reference.descriptor]);
        putManifest(name, index, MANIFEST_MEDIA_TYPES['oci-index'], referrersTag(reference.subject));
      }
    }
    return stored;
  };

  return {
    repositories,
    putBlob(repository, bytes) {
      const digest = digestOf(bytes);
      open(repository).blobs.set(digest, Buffer.from(bytes));
      return { digest, size: bytes.length };
    },
    putManifest,
    putTags,
    deleteManifest(name, digest) {
      const repository = repositories.get(name);
      if (repository === undefined) return;
      repository.manifests.delete(digest);
      for (const tag of repository.tags.names()) {
        if (repository.tags.get(tag) === digest) repository.tags.delete(tag);
      }
      for (const [subject, referrers] of repository.referrers) {
        repository.referrers.set(
          subject,
          referrers.filter((each) => each.digest !== digest),
        );
      }
    },
  };
}

/** The body of the referrers API and of the fallback tag. */
export function referrersIndex(descriptors: readonly Descriptor[]): Buffer {
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST_MEDIA_TYPES['oci-index'],
      manifests: descriptors,
    }),
  );
}

/** What a manifest with a subject says of itself to the subject's referrers. Bytes that are no manifest refer to nothing. */
function referenceOf(stored: StoredManifest): { subject: Digest; descriptor: Descriptor } | undefined {
  let body: unknown;
  try {
    body = JSON.parse(stored.bytes.toString());
  } catch {
    return undefined;
  }
  if (typeof body !== 'object' || body === null) return undefined;
  const { subject, artifactType, config, annotations } = body as Record<string, unknown>;
  const digest = (subject as { digest?: unknown } | undefined)?.digest;
  if (typeof digest !== 'string' || !isDigest(digest)) return undefined;
  const descriptor = DescriptorSchema.safeParse({
    mediaType: stored.mediaType,
    digest: stored.digest,
    size: stored.bytes.length,
    artifactType: artifactType ?? (config as { mediaType?: unknown } | undefined)?.mediaType,
    ...(annotations === undefined ? {} : { annotations }),
  });
  return descriptor.success ? { subject: digest, descriptor: descriptor.data } : undefined;
}
