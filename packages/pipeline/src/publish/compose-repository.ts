import type { ChannelTag, ManifestRecord } from '@gantry/catalog';
import type { Digest } from '@gantry/oci';
import {
  type BlobEntry,
  blobPath,
  type EncodedDocument,
  encodeReferrers,
  type EncodedRepository,
  encodeRepository,
  type ManifestEntry,
  manifestPath,
  type RepositoryDocument,
  treeTime,
} from '@gantry/tree';
import type { ContentGraph } from '../content-graph.ts';
import { publishedTags } from './published-tags.ts';

/** What one repository of a channel is to look like in the tree. */
export interface Composition {
  /** The published name, the channel's prefix included. */
  readonly name: string;
  readonly channel: string;
  readonly tags: readonly ChannelTag[];
  /** Of all that the tags reach. */
  readonly graph: ContentGraph;
  /** The repository as it stands in the tree. */
  readonly former: RepositoryDocument | undefined;
  /** Records of what stands in `former`, as far as they are known. */
  readonly formerRecords: ReadonlyMap<Digest, ManifestRecord>;
  /** What no tag has reached since before this is left out. */
  readonly keepUntaggedMs: number;
  readonly now: Date;
}

/** A repository document whose objects have no `since` yet: which serial they came with is for the publisher to fill in. */
export interface ComposedRepository {
  readonly name: string;
  readonly channel: string;
  readonly tags: ReadonlyMap<string, Digest>;
  readonly manifests: ReadonlyMap<Digest, Omit<ManifestEntry, 'since'>>;
  readonly blobs: ReadonlyMap<Digest, Omit<BlobEntry, 'since'>>;
  readonly referrers: ReadonlyMap<Digest, Digest>;
  /** The referrers documents that `referrers` names. */
  readonly referrersDocuments: readonly EncodedDocument[];
}

/** Decides what stands in a repository's document. */
export function composeRepository(wanted: Composition): ComposedRepository {
  const manifests = new Map<Digest, Omit<ManifestEntry, 'since'>>();
  const blobs = new Map<Digest, Omit<BlobEntry, 'since'>>();
  const records = new Map<Digest, ManifestRecord>(wanted.graph.manifests);
  for (const { digest, kind, size } of wanted.graph.manifests.values()) manifests.set(digest, { kind, size });
  for (const { digest, size } of wanted.graph.blobs.values()) blobs.set(digest, { size });

  for (const [digest, { kind, size, untagged }] of wanted.former?.manifests ?? []) {
    if (manifests.has(digest)) continue;
    const since = untagged ?? treeTime(wanted.now.getTime());
    if (wanted.now.getTime() - Date.parse(since) > wanted.keepUntaggedMs) continue;
    manifests.set(digest, { kind, size, untagged: since });
    const record = wanted.formerRecords.get(digest);
    if (record === undefined) continue;
    records.set(digest, record);
    for (const blob of record.blobs) if (blob.foreign !== true) blobs.set(blob.digest, { size: blob.size });
  }

  const referrersDocuments = new Map<Digest, EncodedDocument>();
  const listed = records.values().filter((record) => isListed(record, (digest) => manifests.get(digest)));
  for (const [subject, referrers] of groupBySubject(listed)) {
    referrersDocuments.set(subject, encodeReferrers(referrers));
  }
  return {
    name: wanted.name,
    channel: wanted.channel,
    tags: publishedTags(wanted.tags),
    manifests,
    blobs,
    referrers: new Map([...referrersDocuments].map(([subject, { digest }]) => [subject, digest])),
    referrersDocuments: [...referrersDocuments.values()],
  };
}

/**
 * Whether the referrers document of its subject lists a manifest: while a tag reaches it, and for as long as it stays when
 * it was left behind together with its subject. One that a tag has let go while its subject was kept is no answer any more.
 * @param entryOf what stands in the repository's document
 */
export function isListed(
  { digest, subject }: Pick<ManifestRecord, 'digest' | 'subject'>,
  entryOf: (digest: Digest) => Pick<ManifestEntry, 'untagged'> | undefined,
): boolean {
  const own = entryOf(digest);
  if (own === undefined || subject === undefined) return false;
  if (own.untagged === undefined) return true;
  const untagged = entryOf(subject)?.untagged;
  return untagged !== undefined && untagged <= own.untagged;
}

function groupBySubject(records: Iterable<ManifestRecord>): Map<Digest, ManifestRecord[]> {
  const bySubject = new Map<Digest, ManifestRecord[]>();
  for (const record of records) {
    if (record.subject !== undefined) bySubject.getOrInsertComputed(record.subject, () => []).push(record);
  }
  return bySubject;
}

/** What a repository's document is to be, once it is known with which serial its objects came. */
export interface ComposedDocument {
  /** The published name. */
  readonly name: string;
  /** Objects that are set by the change, or all of the repository. */
  readonly contents: readonly PoolContent[];
  /**
   * @param sinceOf the serial since which an object of `contents` is in the pool
   * @returns the document with those of its parts and referrers documents that may be new; undefined: nothing is left of it
   */
  encode(sinceOf: (path: string) => number): Promise<EncodedRepository | undefined>;
}

/** The documents of a repository that is composed as a whole. */
export function wholeDocument(repository: ComposedRepository, maxMapEntries?: number): ComposedDocument {
  return {
    name: repository.name,
    contents: [...objectsOf(repository)],
    async encode(sinceOf) {
      if (repository.manifests.size === 0) return undefined;
      const { document, parts } = encodeRepository(fillIn(repository, sinceOf), maxMapEntries);
      return { document, parts: [...parts, ...repository.referrersDocuments] };
    },
  };
}

function fillIn(repository: ComposedRepository, sinceOf: (path: string) => number): RepositoryDocument {
  const { name, channel, tags, referrers } = repository;
  const manifests = new Map(
    repository.manifests
      .entries()
      .map(([digest, entry]) => [digest, { ...entry, since: sinceOf(manifestPath(entry.kind, digest)) }]),
  );
  const blobs = new Map(
    repository.blobs
      .entries()
      .map(([digest, entry]) => [digest, { ...entry, since: sinceOf(blobPath(digest)) }]),
  );
  return { name, channel, tags, manifests, blobs, referrers };
}

/** The pool's paths of all objects of a repository, with the digest that each is checked by. */
export function* objectsOf(
  repository: Pick<ComposedRepository, 'manifests' | 'blobs'>,
): Iterable<PoolContent> {
  for (const [digest, { kind, size }] of repository.manifests)
    yield { path: manifestPath(kind, digest), digest, size };
  for (const [digest, { size }] of repository.blobs) yield { path: blobPath(digest), digest, size };
}

/** An object whose bytes are in the store. */
export interface PoolContent {
  readonly path: string;
  readonly digest: Digest;
  readonly size: number;
}
