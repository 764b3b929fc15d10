import { type Digest, MANIFEST_KINDS, type ManifestKind, parseDigest } from '@gantry/oci';
import type { BlobEntry, ListedRepository, RepositoryDocument, SortedEntries } from '@gantry/tree';
import { NUMBER_BYTES, numberAt, putNumber, putWord, WORD_BYTES, wordAt } from './bytes.ts';
import type { FoundManifest, Repository } from './repository.ts';
import {
  countDigests,
  type DigestCounts,
  entryAt,
  findRecord,
  indexOfDigest,
  tableBytes,
  writeTable,
} from './digest-table.ts';
import type { Reference } from '../answer/route.ts';

// The layout: the header's words, the tables of manifests, blobs and referrers, for each tag in the order of their names
// a word where its name ends and one for its manifest's index, and the names.
const HEADER = {
  manifests: 0, // how many of sha256, how many of sha512; the table follows the header
  blobs: 2 * WORD_BYTES, // likewise, and where the table begins
  referrers: 5 * WORD_BYTES,
  tags: 8 * WORD_BYTES, // how many, and where they begin
} as const;
const HEADER_BYTES = 10 * WORD_BYTES;
const BLOB_RECORD = 2 * NUMBER_BYTES; // size, since
const MANIFEST_RECORD = BLOB_RECORD + 1; // and the kind's index
const REFERRER_RECORD = 1 + 'sha512:'.length + 128; // the length of a digest, and its text
const TAG_RECORD = 2 * WORD_BYTES;
/** For a tag whose manifest the document does not name. */
const NO_MANIFEST = 0xffff_ffff;

/** A repository's document in one run of bytes, for a PackedRepository to look things up in. */
export function packRepository(document: RepositoryDocument): Buffer {
  return packListedRepository(listRepository(document));
}

/** A repository's document as lists. */
export function listRepository(document: RepositoryDocument): ListedRepository {
  const { name, tags, manifests, blobs, referrers } = document;
  return {
    name,
    tags: sorted(tags),
    manifests: sorted(manifests),
    blobs: sorted(blobs),
    referrers: sorted(referrers),
  };
}

/** The same of a document that was read as lists. */
export function packListedRepository({ manifests, blobs, referrers, tags }: ListedRepository): Buffer {
  const ofManifests = countDigests(manifests);
  const ofBlobs = countDigests(blobs);
  const ofReferrers = countDigests(referrers);
  const blobsAt = HEADER_BYTES + tableBytes(ofManifests, MANIFEST_RECORD);
  const referrersAt = blobsAt + tableBytes(ofBlobs, BLOB_RECORD);
  const tagsAt = referrersAt + tableBytes(ofReferrers, REFERRER_RECORD);
  const namesAt = tagsAt + tags.length * TAG_RECORD;
  const bytes = Buffer.alloc(tags.reduce((total, [name]) => total + name.length, namesAt));

  putCounts(bytes, HEADER.manifests, ofManifests);
  writeTable(bytes, HEADER_BYTES, manifests, MANIFEST_RECORD, (record, entry) => {
    putEntry(bytes, record, entry);
    bytes[record + BLOB_RECORD] = MANIFEST_KINDS.indexOf(entry.kind);
  });
  putCounts(bytes, HEADER.blobs, ofBlobs, blobsAt);
  writeTable(bytes, blobsAt, blobs, BLOB_RECORD, (record, entry) => putEntry(bytes, record, entry));
  putCounts(bytes, HEADER.referrers, ofReferrers, referrersAt);
  writeTable(bytes, referrersAt, referrers, REFERRER_RECORD, (record, digest) => {
    bytes[record] = bytes.write(digest, record + 1, 'latin1');
  });
  putWord(bytes, HEADER.tags, tags.length);
  putWord(bytes, HEADER.tags + WORD_BYTES, tagsAt);
  let nameEnd = namesAt;
  for (const [index, [name, digest]] of tags.entries()) {
    nameEnd += bytes.write(name, nameEnd, 'latin1');
    putWord(bytes, tagsAt + index * TAG_RECORD, nameEnd);
    const manifest = indexOfDigest(bytes, HEADER_BYTES, ofManifests, MANIFEST_RECORD, digest);
    putWord(bytes, tagsAt + index * TAG_RECORD + WORD_BYTES, manifest < 0 ? NO_MANIFEST : manifest);
  }
  return bytes;
}

function sorted<K extends string, V>(map: ReadonlyMap<K, V>): SortedEntries<K, V> {
  return [...map].toSorted(([a], [b]) => (a < b ? -1 : 1));
}

function putCounts(bytes: Buffer, at: number, counts: DigestCounts, tableAt?: number): void {
  putWord(bytes, at, counts.sha256);
  putWord(bytes, at + WORD_BYTES, counts.sha512);
  if (tableAt !== undefined) putWord(bytes, at + 2 * WORD_BYTES, tableAt);
}

function putEntry(bytes: Buffer, at: number, { size, since }: BlobEntry): void {
  putNumber(bytes, at, size);
  putNumber(bytes, at + NUMBER_BYTES, since);
}

/** Looks things up in a packed repository, wherever in a buffer it lies. */
export class PackedRepository implements Repository {
  readonly state = 'known';
  readonly isFormer: boolean;
  readonly #bytes: Buffer;
  readonly #at: number;

  constructor(bytes: Buffer, at = 0, isFormer = false) {
    this.isFormer = isFormer;
    this.#bytes = bytes;
    this.#at = at;
  }

  manifest(reference: Reference): FoundManifest | undefined {
    const start = this.#at + HEADER_BYTES;
    const counts = this.#counts(HEADER.manifests);
    if (reference.digest !== undefined) {
      const at = findRecord(this.#bytes, start, counts, MANIFEST_RECORD, reference.digest);
      return at < 0 ? undefined : this.#manifestAt(reference.digest, at);
    }
    const index = this.#manifestOfTag(reference.tag);
    if (index === NO_MANIFEST) return undefined;
    const { digest, at } = entryAt(this.#bytes, start, counts, MANIFEST_RECORD, index);
    return this.#manifestAt(digest, at);
  }

  blob(digest: Digest): BlobEntry | undefined {
    const at = this.#find(HEADER.blobs, BLOB_RECORD, digest);
    if (at < 0) return undefined;
    return { size: numberAt(this.#bytes, at), since: numberAt(this.#bytes, at + NUMBER_BYTES) };
  }

  referrers(subject: Digest): Digest | undefined {
    const at = this.#find(HEADER.referrers, REFERRER_RECORD, subject);
    if (at < 0) return undefined;
    return parseDigest(this.#bytes.toString('latin1', at + 1, at + 1 + (this.#bytes[at] as number)));
  }

  tagNames(): readonly string[] {
    const count = this.#word(HEADER.tags);
    const tagsAt = this.#word(HEADER.tags + WORD_BYTES);
    const names: string[] = [];
    let start = tagsAt + count * TAG_RECORD;
    for (let index = 0; index < count; index++) {
      const end = this.#word(tagsAt + index * TAG_RECORD);
      names.push(this.#bytes.toString('latin1', this.#at + start, this.#at + end));
      start = end;
    }
    return names;
  }

  kept(): Repository {
    const [count, tagsAt] = [this.#word(HEADER.tags), this.#word(HEADER.tags + WORD_BYTES)];
    const length = count === 0 ? tagsAt : this.#word(tagsAt + (count - 1) * TAG_RECORD); // the names end it
    const own = Buffer.alloc(length); // of its own, not a piece of Node's pool, which would be kept as long
    this.#bytes.copy(own, 0, this.#at);
    return new PackedRepository(own, 0, this.isFormer);
  }

  #word(at: number): number {
    return wordAt(this.#bytes, this.#at + at);
  }

  #counts(header: number): DigestCounts {
    return { sha256: this.#word(header), sha512: this.#word(header + WORD_BYTES) };
  }

  #find(header: number, recordBytes: number, digest: Digest): number {
    const start = this.#at + this.#word(header + 2 * WORD_BYTES);
    return findRecord(this.#bytes, start, this.#counts(header), recordBytes, digest);
  }

  #manifestAt(digest: Digest, at: number): FoundManifest {
    const bytes = this.#bytes;
    const kind = MANIFEST_KINDS[bytes[at + BLOB_RECORD] as number] as ManifestKind;
    return { digest, kind, size: numberAt(bytes, at), since: numberAt(bytes, at + NUMBER_BYTES) };
  }

  /** The index of the tag's manifest; NO_MANIFEST if there is no such tag, or the document names no manifest for it. */
  #manifestOfTag(tag: string): number {
    const count = this.#word(HEADER.tags);
    const tagsAt = this.#word(HEADER.tags + WORD_BYTES);
    let low = 0;
    let high = count - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const record = tagsAt + middle * TAG_RECORD;
      const start = middle === 0 ? tagsAt + count * TAG_RECORD : this.#word(record - TAG_RECORD);
      const order = this.#compareName(start, this.#word(record), tag);
      if (order === 0) return this.#word(record + WORD_BYTES);
      if (order < 0) low = middle + 1;
      else high = middle - 1;
    }
    return NO_MANIFEST;
  }

  /** Below 0 if the name from `start` to `end` sorts before `tag`, above 0 if after it. */
  #compareName(start: number, end: number, tag: string): number {
    const length = end - start;
    for (let index = 0; index < length && index < tag.length; index++) {
      const difference = (this.#bytes[this.#at + start + index] as number) - tag.charCodeAt(index);
      if (difference !== 0) return difference;
    }
    return length - tag.length;
  }
}
