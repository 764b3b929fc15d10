import type { ManifestRecord } from '@gantry/catalog';
import {
  type Digest,
  Fault,
  GRAPH_MAX_DEPTH,
  isForeign,
  type Manifest,
  MANIFEST_MEDIA_TYPES,
  type ManifestKind,
  manifestKind,
  parseManifest,
} from '@gantry/oci';
import { distinct, toRecord } from '../sync/manifest-record.ts';
import type { ContentPlace } from './content-place.ts';

/** Records of manifests that are remembered: those of a few thousand repositories. */
const REMEMBERED_MAX = 50_000;

/**
 * Makes the records of manifests from their bytes. There is one for a manifest when all below it is there, as after a
 * sync; children of an index that are not there stand as left out, and the next sync of it brings those that are wanted.
 */
export class ManifestRecords {
  readonly #content: ContentPlace;
  readonly #remembered = new Map<Digest, Promise<ManifestRecord | undefined>>();

  constructor(content: ContentPlace) {
    this.#content = content;
  }

  /**
   * @param kind as a repository's document or a descriptor says it; absent: as the bytes say themselves
   * @returns undefined when the manifest, or something below it, is not there
   */
  get(digest: Digest, kind?: ManifestKind, depth = 0): Promise<ManifestRecord | undefined> {
    const known = this.#remembered.get(digest);
    if (known !== undefined) return known;
    const made = this.#make(digest, kind, depth);
    if (this.#remembered.size >= REMEMBERED_MAX) this.#remembered.clear();
    this.#remembered.set(digest, made);
    return made;
  }

  async #make(
    digest: Digest,
    kind: ManifestKind | undefined,
    depth: number,
  ): Promise<ManifestRecord | undefined> {
    if (depth > GRAPH_MAX_DEPTH) return undefined;
    const bytes = await this.#content.readManifest(digest, kind);
    const manifest = bytes && parsed(bytes, digest, kind);
    if (manifest === undefined) return undefined;

    const present = new Set<Digest>();
    const absent = new Set<Digest>();
    for (const child of distinct(manifest.manifests)) {
      const record = await this.get(child.digest, manifestKind(child.mediaType), depth + 1);
      if (record === undefined) absent.add(child.digest);
      else present.add(child.digest);
      for (const one of record?.absent ?? []) absent.add(one);
    }
    if (manifest.manifests.length > 0 && present.size === 0) return undefined;
    const blobs = distinct(manifest.blobs);
    const held = await Promise.all(blobs.map(({ digest: blob, size }) => this.#content.hasBlob(blob, size)));
    const missing = blobs.filter((_, at) => held[at] !== true);
    if (!missing.every(isForeign)) return undefined;
    return toRecord(manifest, present, absent, missing.length === 0);
  }
}

function parsed(bytes: Buffer, digest: Digest, kind: ManifestKind | undefined): Manifest | undefined {
  try {
    return parseManifest(bytes, kind && MANIFEST_MEDIA_TYPES[kind], digest);
  } catch (error) {
    if (error instanceof Fault && error.code === 'MANIFEST_INVALID') return undefined;
    throw error;
  }
}
