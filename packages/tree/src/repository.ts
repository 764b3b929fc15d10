import { canonicalBytes } from './canonical-json.ts';
import { type EncodedDocument, MAX_MAP_ENTRIES, type RepositoryDocument, TREE_FORMAT } from './documents.ts';
import { encodeDocument } from './encoding.ts';
import type { RepositoryFile } from './repository-file.ts';
import { BLOBS, encodeMap, encodeTagNames, MANIFESTS, memberOf, REFERRERS, TAGS } from './repository-maps.ts';

/** A repository document and what it names beside itself: the parts of its split maps, and the names of split tags. */
export interface EncodedRepository {
  readonly document: EncodedDocument;
  readonly parts: readonly EncodedDocument[];
}

/**
 * A repository's documents.
 * @param maxEntries a map of more stands in parts; another number than the format's is for tests
 */
export function encodeRepository(
  repository: RepositoryDocument,
  maxEntries = MAX_MAP_ENTRIES,
): EncodedRepository {
  const { name, channel } = repository;
  const tags = encodeMap(repository.tags, TAGS, maxEntries);
  const tagNames = tags.map.parts && encodeTagNames(repository.tags.keys());
  const manifests = encodeMap(repository.manifests, MANIFESTS, maxEntries);
  const blobs = encodeMap(repository.blobs, BLOBS, maxEntries);
  const referrers = encodeMap(repository.referrers, REFERRERS, maxEntries);
  const file: RepositoryFile = {
    name,
    channel,
    tags: tags.map,
    ...(tagNames && { tagNames: tagNames.digest }),
    manifests: manifests.map,
    blobs: blobs.map,
    referrers: referrers.map,
  };
  const parts = [tags, manifests, blobs, referrers].flatMap(({ documents }) => documents);
  return { document: encodeRepositoryFile(file), parts: tagNames ? [...parts, tagNames] : parts };
}

/** The document itself, of a repository whose parts are encoded. */
export function encodeRepositoryFile(file: RepositoryFile): EncodedDocument {
  return encodeDocument(
    canonicalBytes({
      format: TREE_FORMAT,
      name: file.name,
      channel: file.channel,
      ...memberOf(file.tags, TAGS),
      ...(file.tagNames === undefined ? {} : { tagNames: file.tagNames }),
      ...memberOf(file.manifests, MANIFESTS),
      ...memberOf(file.blobs, BLOBS),
      ...memberOf(file.referrers, REFERRERS),
    }),
  );
}
