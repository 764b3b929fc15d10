import type { Digest } from '@gantry/oci';
import { type BlobEntry, type EncodedDocument, type ManifestEntry, MAX_MAP_ENTRIES } from './documents.ts';
import { EditedMap } from './edited-map.ts';
import { type EncodedRepository, encodeRepositoryFile } from './repository.ts';
import { decodeTagNames, type LoadDocument, type RepositoryFile } from './repository-file.ts';
import { BLOBS, encodeTagNames, MANIFESTS, REFERRERS, TAGS } from './repository-maps.ts';

/**
 * A repository document that is being changed at the cost of the change. What comes of it is, to the byte, what
 * `encodeRepository` makes of the whole.
 */
export interface EditedRepository {
  readonly file: RepositoryFile;
  readonly tags: EditedMap<string, Digest>;
  /** Of these two nothing is ever removed here. */
  readonly manifests: EditedMap<Digest, ManifestEntry>;
  readonly blobs: EditedMap<Digest, BlobEntry>;
  /** Entries are removed only while it is not split: it may have to be put together then. */
  readonly referrers: EditedMap<Digest, Digest>;
  /**
   * The document, and those of its parts that changes are in.
   * @param names tags that have come, and tags that have gone
   */
  encode(names: {
    readonly come: ReadonlySet<string>;
    readonly gone: ReadonlySet<string>;
  }): Promise<EncodedRepository>;
}

/** @param maxEntries as of `encodeRepository` */
export function editRepository(
  file: RepositoryFile,
  load: LoadDocument,
  maxEntries = MAX_MAP_ENTRIES,
): EditedRepository {
  const tags = new EditedMap(file.tags, TAGS, load, maxEntries);
  const manifests = new EditedMap(file.manifests, MANIFESTS, load, maxEntries);
  const blobs = new EditedMap(file.blobs, BLOBS, load, maxEntries);
  const referrers = new EditedMap(file.referrers, REFERRERS, load, maxEntries);
  return {
    file,
    tags,
    manifests,
    blobs,
    referrers,
    async encode({ come, gone }) {
      const isSame = come.size === 0 && gone.size === 0;
      const names = isSame ? undefined : await namesAfter(file, load, come, gone);
      const [ofTags, ofManifests, ofBlobs, ofReferrers] = await Promise.all([
        tags.encode(names?.length),
        manifests.encode(),
        blobs.encode(),
        referrers.encode(),
      ]);
      const documents: EncodedDocument[] = [ofTags, ofManifests, ofBlobs, ofReferrers].flatMap(
        (one) => one.documents,
      );
      let { tagNames } = file;
      if (names !== undefined) {
        const encoded = ofTags.map.parts && encodeTagNames(names);
        if (encoded) documents.push(encoded);
        tagNames = encoded?.digest;
      }
      const document = encodeRepositoryFile({
        name: file.name,
        channel: file.channel,
        tags: ofTags.map,
        ...(tagNames === undefined ? {} : { tagNames }),
        manifests: ofManifests.map,
        blobs: ofBlobs.map,
        referrers: ofReferrers.map,
      });
      return { document, parts: documents };
    },
  };
}

async function namesAfter(
  { tags, tagNames }: RepositoryFile,
  load: LoadDocument,
  come: ReadonlySet<string>,
  gone: ReadonlySet<string>,
): Promise<string[]> {
  const former =
    tags.entries?.keys() ?? (tagNames === undefined ? [] : decodeTagNames(await load(tagNames), tagNames));
  return [...[...former].filter((name) => !gone.has(name)), ...come];
}
