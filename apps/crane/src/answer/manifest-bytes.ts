import { type Digest, digestOf, Fault, splitDigest } from '@gantry/oci';
import type { TreeSource } from '@gantry/tree';
import { LRUCache } from 'lru-cache';

/** Manifests that the crane serves itself, kept in bounded memory. */
export interface ManifestBytes {
  /** The bytes if they are at hand. */
  peek(digest: Digest): Uint8Array | undefined;
  /** Reads and checks them; many who wait share one read. @throws Fault UNAVAILABLE */
  read(path: string, digest: Digest, sizeBytes: number): Promise<Uint8Array>;
}

export function createManifestBytes(source: TreeSource, maxBytes: number): ManifestBytes {
  const kept = new LRUCache<Digest, Uint8Array>({
    maxSize: maxBytes,
    sizeCalculation: (bytes) => bytes.length + 200,
  });
  const reads = new Map<Digest, Promise<Uint8Array>>();

  const readOnce = async (path: string, digest: Digest, sizeBytes: number): Promise<Uint8Array> => {
    try {
      const bytes = await source.read(path, sizeBytes);
      if (bytes === undefined || digestOf(bytes, splitDigest(digest).algorithm) !== digest) {
        const why = bytes === undefined ? 'it is absent' : 'its bytes are not those of its digest';
        throw new Fault('UNAVAILABLE', `${path} of ${source.name} can not be read: ${why}`, { path });
      }
      kept.set(digest, bytes);
      return bytes;
    } finally {
      reads.delete(digest);
    }
  };

  return {
    peek: (digest) => kept.get(digest),
    read(path, digest, sizeBytes) {
      const running = reads.get(digest) ?? readOnce(path, digest, sizeBytes);
      reads.set(digest, running);
      return running;
    },
  };
}
