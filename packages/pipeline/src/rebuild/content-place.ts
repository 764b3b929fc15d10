import {
  type Digest,
  digestOf,
  Fault,
  MANIFEST_MAX_BYTES,
  type ManifestKind,
  splitDigest,
} from '@gantry/oci';
import type { BlobStore } from '@gantry/store';
import { blobPath, manifestPath, type TreeSource } from '@gantry/tree';

/** Where a rebuild finds content: in the store, and what that lacks in the tree. */
export interface ContentPlace {
  /** A manifest's bytes, checked; undefined when it is nowhere. @param kind the tree's folder of it */
  readManifest(digest: Digest, kind: ManifestKind | undefined): Promise<Buffer | undefined>;
  /** Whether a blob of that size is there. */
  hasBlob(digest: Digest, size: number): Promise<boolean>;
  /** What the store lacked and the tree had. */
  readonly restored: { readonly blobs: number; readonly bytes: number };
}

/** Answers on blobs that are remembered: those of many images are the same. */
const REMEMBERED_MAX = 200_000;

/**
 * @param write whether what the store lacks is put into it from the tree; false: that is only counted
 */
export function contentPlace(store: BlobStore, source: TreeSource, write: boolean): ContentPlace {
  const restored = { blobs: 0, bytes: 0 };
  const blobs = new Map<string, Promise<boolean>>();

  const restore = async (digest: Digest, size: number, bytes: AsyncIterable<Uint8Array>) => {
    if (write) {
      await using writer = await store.write(digest, size);
      if (writer.offset > 0) await writer.restart();
      for await (const chunk of bytes) await writer.append(chunk);
      await writer.commit();
    }
    restored.blobs++;
    restored.bytes += size;
  };

  const lookFor = async (digest: Digest, size: number): Promise<boolean> => {
    const known = await store.stat(digest);
    if (known !== undefined) return known.size === size;
    const path = blobPath(digest);
    if ((await source.stat(path))?.size !== size) return false;
    const bytes = await source.open(path);
    if (bytes === undefined) return false;
    try {
      await restore(digest, size, bytes as AsyncIterable<Uint8Array>);
      return true;
    } catch (error) {
      if (isDamaged(error)) return false;
      throw error;
    } finally {
      bytes.destroy();
    }
  };

  return {
    restored,
    async readManifest(digest, kind) {
      const known = await store.stat(digest);
      if (known !== undefined) {
        if (known.size > MANIFEST_MAX_BYTES) return undefined;
        const bytes = await store.read(digest, MANIFEST_MAX_BYTES);
        return isOf(digest, bytes) ? bytes : undefined;
      }
      if (kind === undefined) return undefined;
      const file = await source.read(manifestPath(kind, digest), MANIFEST_MAX_BYTES);
      if (file === undefined || !isOf(digest, file)) return undefined;
      await restore(digest, file.length, oneChunk(file));
      return Buffer.from(file);
    },
    hasBlob(digest, size) {
      const key = `${size} ${digest}`;
      const known = blobs.get(key);
      if (known !== undefined) return known;
      if (blobs.size >= REMEMBERED_MAX) blobs.clear();
      const found = lookFor(digest, size);
      blobs.set(key, found);
      return found;
    },
  };
}

function isOf(digest: Digest, bytes: Uint8Array): boolean {
  return digestOf(bytes, splitDigest(digest).algorithm) === digest;
}

function isDamaged(error: unknown): boolean {
  return error instanceof Fault && (error.code === 'DIGEST_INVALID' || error.code === 'SIZE_INVALID');
}

async function* oneChunk(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}
