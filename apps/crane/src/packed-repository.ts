import { type Digest, MANIFEST_KINDS } from '@gantry/oci';
import type { BlobEntry, ManifestEntry, RepositoryDocument } from '@gantry/tree';
import type { FoundManifest, Repository } from './decide.ts';
import { DigestTable } from './digest-table.ts';
import type { Reference } from './route.ts';

const NUMBER_BYTES = 8;
const ENTRY_BYTES = 2 * NUMBER_BYTES;

/** A repository's document, packed: thousands of them are held, and looked at on every request. */
export class PackedRepository implements Repository {
  readonly name: string;
  /** The memory that it takes, about. */
  readonly sizeBytes: number;
  readonly #manifests: DigestTable;
  readonly #blobs: DigestTable;
  readonly #tagNames: readonly string[];
  /** For each tag, in the order of their names, where its manifest's record begins; -1 if the document names none. */
  readonly #tagged: readonly number[];
  readonly #referrers: ReadonlyMap<Digest, Digest>;

  constructor(document: RepositoryDocument) {
    const { manifests, blobs, tags, referrers } = document;
    this.name = document.name;
    this.#manifests = new DigestTable(manifests.keys(), 1 + ENTRY_BYTES, (bytes, at, digest) => {
      const entry = manifests.get(digest) as ManifestEntry;
      bytes[at] = MANIFEST_KINDS.indexOf(entry.kind);
      writeEntry(bytes, at + 1, entry);
    });
    this.#blobs = new DigestTable(blobs.keys(), ENTRY_BYTES, (bytes, at, digest) =>
      writeEntry(bytes, at, blobs.get(digest) as BlobEntry),
    );
    this.#tagNames = [...tags.keys()].toSorted();
    this.#tagged = this.#tagNames.map((tag) => this.#manifests.find(tags.get(tag) as Digest));
    this.#referrers = referrers;
    this.sizeBytes =
      500 +
      this.#manifests.bytes.length +
      this.#blobs.bytes.length +
      this.#tagNames.length * 60 +
      referrers.size * 250;
  }

  manifest(reference: Reference): FoundManifest | undefined {
    const { bytes } = this.#manifests;
    const at =
      reference.digest === undefined
        ? (this.#tagged[indexOf(this.#tagNames, reference.tag)] ?? -1)
        : this.#manifests.find(reference.digest);
    const kind = at < 0 ? undefined : MANIFEST_KINDS[bytes[at] as number];
    if (kind === undefined) return undefined;
    const digest = reference.digest ?? this.#manifests.digestAt(at);
    const { size, since } = readEntry(bytes, at + 1);
    return { digest, kind, size, since };
  }

  blob(digest: Digest): BlobEntry | undefined {
    const at = this.#blobs.find(digest);
    return at < 0 ? undefined : readEntry(this.#blobs.bytes, at);
  }

  referrers(subject: Digest): Digest | undefined {
    return this.#referrers.get(subject);
  }

  tagNames(): readonly string[] {
    return this.#tagNames;
  }
}

function writeEntry(bytes: Buffer, at: number, { size, since }: BlobEntry): void {
  writeNumber(bytes, at, size);
  writeNumber(bytes, at + NUMBER_BYTES, since);
}

function readEntry(bytes: Buffer, at: number): BlobEntry {
  return { size: readNumber(bytes, at), since: readNumber(bytes, at + NUMBER_BYTES) };
}

function writeNumber(bytes: Buffer, at: number, value: number): void {
  bytes.writeUInt32BE(Math.floor(value / 2 ** 32), at);
  bytes.writeUInt32BE(value % 2 ** 32, at + 4);
}

/** A whole number from 0 up; byte by byte, as in the table's own search. */
function readNumber(bytes: Buffer, at: number): number {
  let value = 0;
  for (let index = 0; index < NUMBER_BYTES; index++) value = value * 256 + (bytes[at + index] as number);
  return value;
}

/** The index of `text` in a sorted list; -1 if it is not in it. */
function indexOf(sorted: readonly string[], text: string): number {
  let low = 0;
  let high = sorted.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const candidate = sorted[middle] as string;
    if (candidate === text) return middle;
    if (candidate < text) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}
