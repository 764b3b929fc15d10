import { isDeepStrictEqual } from 'node:util';
import type { Catalog } from '@gantry/catalog';
import {
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
import type { BringBack } from '../collect/store/bring-back.ts';
import { SingleFlight } from '../concurrency.ts';
import { distinct, hasForeign, isWhole, toRecord } from './manifest-record.ts';
import type { PlatformFilter } from './platforms.ts';
import type { Progress } from './progress.ts';
import { refusePurged, refusePurgedContent } from './refuse-purged.ts';
import { type Download, receiveBlob } from './receive-blob.ts';

/** Where content is fetched from, and who is told. */
export interface FetchFrom {
  readonly registry: Registry;
  readonly sourceRepository: string;
  /** Children of an index that are wanted (`linux/amd64`, of any variant); absent: all. */
  readonly platforms?: PlatformFilter;
  /** Whether layers that must not be distributed are fetched, too. */
  readonly foreignLayers: boolean;
  /** Whether anything had been purged when the sync began: then that is looked at before anything is fetched. */
  readonly hasPurges: boolean;
  /** Takes back what is condemned; absent: nothing was when the sync began, and what has been since stays until it has ended. */
  readonly garbage?: BringBack;
  /** Whether what records say is here is looked for in the store: somebody asks for it, who may know that it is lost. */
  readonly looksInStore?: boolean;
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
  readonly #manifests = new SingleFlight<string>();
  readonly #blobs = new SingleFlight<Digest>();

  constructor(catalog: Catalog, store: BlobStore) {
    this.#catalog = catalog;
    this.#store = store;
  }

  /**
   * Makes sure that a manifest and everything below it is in the store. Its record is written last, so that whoever sees
   * it has the proof. What is there already is not asked for again. What was purged, even while this goes on, is kept out,
   * with all that needs it.
   * @throws Fault of the registry, or PURGED, MANIFEST_INVALID, MANIFEST_BLOB_UNKNOWN, DIGEST_INVALID, SIZE_INVALID, STORAGE_FULL
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
    // Two sources may want different parts of one index: each looks for itself.
    const { foreignLayers, looksInStore = false } = from;
    const flight = `${wanted.digest} ${from.platforms?.key ?? ''} ${foreignLayers} ${looksInStore}`;
    await this.#manifests.run(flight, async () => {
      const { digest } = wanted;
      const known = await this.#catalog.manifests.get(digest);
      const isRecorded = known !== undefined && isWhole(known) && !(from.foreignLayers && hasForeign(known));
      const isHere = isRecorded && !looksInStore;
      if (isHere && (from.garbage === undefined || (await from.garbage.graphs([digest])))) return;
      budget.left--;
      if (budget.left < 0) throw tooMany(digest);
      await from.garbage?.content([digest]);
      if (from.hasPurges) await refusePurged(this.#catalog, digest, [digest]);
      const { bytes, manifest, isStored } = await this.#readManifest(wanted, from);
      const children = manifest.manifests.filter((child) => from.platforms?.takes(child) ?? true);
      if (children.length > budget.left) throw tooMany(wanted.digest);
      const named = [...children, ...manifest.blobs].map((part) => part.digest);
      if (from.hasPurges) await refusePurged(this.#catalog, digest, named);
      // Before it is looked what is there: that stays then.
      await from.garbage?.content(named);
      await allOrFirstFailure([
        ...children.map((child) => this.#fetchChild(manifest, child, from, depth + 1, budget)),
        ...distinct(manifest.blobs).map((blob) => this.#fetchBlobOf(manifest, blob, from)),
        ...(isStored ? [] : [this.#storeBytes(wanted.digest, bytes)]),
      ]);
      await refusePurgedContent(this.#catalog, this.#store, digest, [digest, ...named]);
      await this.#record(manifest, children, from);
    });
  }

  /** Writes the record, with what an earlier sync has brought and this one has left out. */
  async #record(
    manifest: Manifest,
    fetched: readonly Descriptor[],
    { foreignLayers }: FetchFrom,
  ): Promise<void> {
    const { manifests } = this.#catalog;
    const known = await manifests.get(manifest.digest);
    const present = new Set([...(known?.manifests ?? []), ...fetched.map(({ digest }) => digest)]);
    const children = await manifests.getAll([...present]);
    const missing = manifest.manifests.map(({ digest }) => digest).filter((digest) => !present.has(digest));
    const below = [...children.values()].flatMap(({ absent = [] }) => absent);
    const withForeign = foreignLayers || (known !== undefined && !hasForeign(known));
    const record = toRecord(manifest, present, new Set([...missing, ...below]), withForeign);
    if (known === undefined) await manifests.put(record);
    else if (!isDeepStrictEqual(known, record)) await manifests.replace(record);
  }

  async #readManifest(
    wanted: Wanted,
    from: FetchFrom,
  ): Promise<{ bytes: Buffer; manifest: Manifest; isStored: boolean }> {
    // Bytes may lie in the store already from a run that was cut off before it could write the record.
    const known = await this.#store.stat(wanted.digest);
    if (known !== undefined && known.size <= MANIFEST_MAX_BYTES) {
      const bytes = await this.#store.read(wanted.digest, MANIFEST_MAX_BYTES);
      const manifest = checkAgainst(wanted, parseManifest(bytes, wanted.mediaType, wanted.digest));
      return { bytes, manifest, isStored: true };
    }
    const { signal } = from;
    const { bytes, contentType } = await from.registry.manifest(from.sourceRepository, wanted.digest, {
      signal,
    });
    const manifest = checkAgainst(wanted, parseManifest(bytes, contentType, wanted.digest));
    return { bytes, manifest, isStored: false };
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
    const { registry, sourceRepository, signal } = from;
    const fromRegistry: Download = (offset) =>
      registry.blob(sourceRepository, blob.digest, offset, { signal });
    if (!isForeign(blob)) {
      await this.#fetchBlob(blob, from, fromRegistry).catch((error: unknown) => {
        throw missingBelow(parent, blob, error);
      });
      return;
    }
    if (!from.foreignLayers) return;
    // A registry may hold such a layer after all; its own addresses come next, in their order.
    const places = [
      fromRegistry,
      ...(blob.urls ?? []).map(
        (url): Download =>
          (offset) =>
            registry.foreign(url, offset, { signal }),
      ),
    ];
    let failure: unknown;
    for (const place of places) {
      try {
        return await this.#fetchBlob(blob, from, place);
      } catch (error) {
        signal.throwIfAborted();
        failure = missingBelow(parent, blob, error);
      }
    }
    throw failure;
  }

  async #fetchBlob({ digest, size }: Descriptor, from: FetchFrom, download: Download): Promise<void> {
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
      from.progress.expectBlob(size - writer.offset);
      await receiveBlob(writer, size, from, download);
      from.progress.blob();
    });
  }

  async #storeBytes(digest: Digest, bytes: Buffer): Promise<void> {
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

function tooMany(digest: Digest): Fault {
  return refused(digest, `more than ${GRAPH_MAX_MANIFESTS} distinct manifests belong together`);
}

function refused(digest: Digest, why: string): Fault {
  return new Fault('MANIFEST_INVALID', `the manifest ${digest} is refused: ${why}`, { digest });
}
