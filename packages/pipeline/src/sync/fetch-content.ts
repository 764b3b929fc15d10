import type { Catalog, ManifestRecord } from '@gantry/catalog';
import {
  asFault,
  type Descriptor,
  type Digest,
  Fault,
  type FaultCode,
  GRAPH_MAX_DEPTH,
  GRAPH_MAX_MANIFESTS,
  isForeign,
  type Manifest,
  MANIFEST_MAX_BYTES,
  manifestKind,
  parseManifest,
} from '@gantry/oci';
import type { Registry } from '@gantry/registry';
import type { BlobStore } from '@gantry/store';
import { SingleFlight } from '../concurrency.ts';
import type { Progress } from './progress.ts';

const ATTEMPTS = 5;

/** Where content is fetched from, and who is told. */
export interface FetchFrom {
  readonly registry: Registry;
  readonly sourceRepository: string;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** A manifest to fetch, as its parent's descriptor or a HEAD told of it. */
export interface Wanted {
  readonly digest: Digest;
  readonly mediaType?: string;
  readonly size?: number;
}

/** Brings manifests and all below them into store and catalog, each digest once in the whole process. */
export class ContentFetcher {
  readonly #catalog: Catalog;
  readonly #store: BlobStore;
  readonly #manifests = new SingleFlight<Digest>();
  readonly #blobs = new SingleFlight<Digest>();

  constructor(catalog: Catalog, store: BlobStore) {
    this.#catalog = catalog;
    this.#store = store;
  }

  /**
   * Makes sure that a manifest and everything below it is in the store. Its record is written last, so that whoever sees
   * it has the proof. What is there already is not asked for again.
   * @throws Fault of the registry, or MANIFEST_INVALID, MANIFEST_BLOB_UNKNOWN, DIGEST_INVALID, SIZE_INVALID, STORAGE_FULL
   */
  async fetchGraph(root: Wanted, from: FetchFrom): Promise<void> {
    await this.#fetchManifest(root, from, 0, { left: GRAPH_MAX_MANIFESTS });
  }

  async #fetchManifest(
    wanted: Wanted,
    from: FetchFrom,
    depth: number,
    budget: { left: number },
  ): Promise<void> {
    if (depth > GRAPH_MAX_DEPTH)
      throw refused(wanted.digest, `indexes are nested deeper than ${GRAPH_MAX_DEPTH}`);
    await this.#manifests.run(wanted.digest, async () => {
      if ((await this.#catalog.manifests.get(wanted.digest)) !== undefined) return;
      budget.left--;
      if (budget.left < 0)
        throw refused(wanted.digest, `more than ${GRAPH_MAX_MANIFESTS} distinct manifests belong together`);
      const { bytes, manifest } = await this.#readManifest(wanted, from);
      if (manifest.manifests.length > budget.left) {
        throw refused(wanted.digest, `more than ${GRAPH_MAX_MANIFESTS} distinct manifests belong together`);
      }
      await allOrFirstFailure([
        ...manifest.manifests.map((child) => this.#fetchChild(manifest, child, from, depth + 1, budget)),
        ...distinct(manifest.blobs).map((blob) => this.#fetchBlobOf(manifest, blob, from)),
        this.#storeBytes(wanted.digest, bytes),
      ]);
      await this.#catalog.manifests.put(toRecord(manifest));
    });
  }

  async #readManifest(wanted: Wanted, from: FetchFrom): Promise<{ bytes: Buffer; manifest: Manifest }> {
    // Bytes may lie in the store already from a run that was cut off before it could write the record.
    const known = await this.#store.stat(wanted.digest);
    if (known !== undefined && known.size <= MANIFEST_MAX_BYTES) {
      const bytes = await this.#store.read(wanted.digest, MANIFEST_MAX_BYTES);
      return { bytes, manifest: checkAgainst(wanted, parseManifest(bytes, wanted.mediaType, wanted.digest)) };
    }
    const { signal } = from;
    const { bytes, contentType } = await from.registry.manifest(from.sourceRepository, wanted.digest, {
      signal,
    });
    return { bytes, manifest: checkAgainst(wanted, parseManifest(bytes, contentType, wanted.digest)) };
  }

  async #fetchChild(
    parent: Manifest,
    child: Descriptor,
    from: FetchFrom,
    depth: number,
    budget: { left: number },
  ): Promise<void> {
    try {
      await this.#fetchManifest(
        { digest: child.digest, mediaType: child.mediaType, size: child.size },
        from,
        depth,
        budget,
      );
    } catch (error) {
      throw missingBelow(parent, child, error);
    }
  }

  async #fetchBlobOf(parent: Manifest, blob: Descriptor, from: FetchFrom): Promise<void> {
    if (isForeign(blob)) return;
    try {
      await this.#fetchBlob(blob.digest, blob.size, from);
    } catch (error) {
      throw missingBelow(parent, blob, error);
    }
  }

  async #fetchBlob(digest: Digest, size: number, from: FetchFrom): Promise<void> {
    await this.#blobs.run(digest, async () => {
      const known = await this.#store.stat(digest);
      if (known !== undefined) {
        if (known.size === size) return;
        throw new Fault(
          'SIZE_INVALID',
          `the blob ${digest} has ${known.size} bytes, its descriptor says ${size}`,
          { digest },
        );
      }
      await using writer = await this.#store.write(digest, size);
      const { signal } = from;
      let resumed = writer.offset > 0;
      for (let attempt = 1; ; attempt++) {
        const before = writer.offset;
        try {
          if (writer.offset < size || size === 0) {
            const { offset, body } = await from.registry.blob(from.sourceRepository, digest, writer.offset, {
              signal,
            });
            if (offset !== writer.offset) await writer.restart();
            for await (const chunk of body as AsyncIterable<Buffer>) {
              signal.throwIfAborted();
              await writer.append(chunk);
              from.progress.bytes(chunk.length);
            }
          }
          await writer.commit();
          from.progress.blob();
          return;
        } catch (error) {
          signal.throwIfAborted();
          const fault = asFault(error);
          // Bytes of an earlier attempt may be what is wrong: once more from the start then, and not again.
          const stale = fault.code === 'DIGEST_INVALID' && resumed;
          const cut =
            fault.code === 'SIZE_INVALID' ||
            fault.code === 'SOURCE_UNREACHABLE' ||
            fault.code === 'SOURCE_FAILED';
          const cameFurther = writer.offset > before;
          if (!stale && !(cut && cameFurther && attempt < ATTEMPTS)) throw error;
          if (stale) await writer.restart();
          resumed = false;
        }
      }
    });
  }

  async #storeBytes(digest: Digest, bytes: Buffer): Promise<void> {
    if ((await this.#store.stat(digest)) !== undefined) return;
    await using writer = await this.#store.write(digest, bytes.length);
    if (writer.offset > 0) await writer.restart();
    await writer.append(bytes);
    await writer.commit();
  }
}

/** A descriptor and the manifest it leads to must agree on kind and size. */
function checkAgainst(wanted: Wanted, manifest: Manifest): Manifest {
  if (wanted.size !== undefined && wanted.size !== manifest.size) {
    throw refused(manifest.digest, `it has ${manifest.size} bytes, its descriptor says ${wanted.size}`);
  }
  const kind = wanted.mediaType === undefined ? undefined : manifestKind(wanted.mediaType);
  if (kind !== undefined && kind !== manifest.kind) {
    throw refused(manifest.digest, `it is of kind ${manifest.kind}, its descriptor says ${kind}`);
  }
  return manifest;
}

function toRecord(manifest: Manifest): ManifestRecord {
  const { digest, kind, size, artifactType, annotations, subject } = manifest;
  return {
    digest,
    kind,
    size,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(annotations === undefined ? {} : { annotations }),
    ...(subject === undefined ? {} : { subject }),
    manifests: [...new Set(manifest.manifests.map((child) => child.digest))],
    blobs: distinct(manifest.blobs).map((blob) => ({
      digest: blob.digest,
      size: blob.size,
      ...(isForeign(blob) ? { foreign: true as const } : {}),
    })),
  };
}

function distinct(blobs: readonly Descriptor[]): Descriptor[] {
  const seen = new Map<Digest, Descriptor>();
  for (const blob of blobs) if (!seen.has(blob.digest)) seen.set(blob.digest, blob);
  return [...seen.values()];
}

const ABSENT: readonly FaultCode[] = ['MANIFEST_UNKNOWN', 'BLOB_UNKNOWN', 'NAME_UNKNOWN'];

/** Says of content that the registry does not have which manifest wants it; any other error stands as it is. */
function missingBelow(parent: Manifest, child: Descriptor, error: unknown): unknown {
  if (!(error instanceof Fault) || !ABSENT.includes(error.code)) return error;
  return new Fault(
    'MANIFEST_BLOB_UNKNOWN',
    `${child.digest} (${child.mediaType}), which the manifest ${parent.digest} names, is missing at the source: push the image again`,
    { digest: child.digest, manifest: parent.digest },
    { cause: error },
  );
}

/** Waits for all, so that nothing goes on behind the caller's back, then throws the first failure. */
async function allOrFirstFailure(work: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(work);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

function refused(digest: Digest, why: string): Fault {
  return new Fault('MANIFEST_INVALID', `the manifest ${digest} is refused: ${why}`, { digest });
}
