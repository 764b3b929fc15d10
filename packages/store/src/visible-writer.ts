import { type Digest, Fault } from '@gantry/oci';
import type { BlobWriter } from './blob-store.ts';

export interface VisibleWriterOptions {
  readonly digest: Digest;
  readonly size: number;
  readonly isThere: () => Promise<boolean>;
  /** Another process may have made the blob visible just now: makes sure that its name lasts. */
  readonly makeDurable: () => Promise<void>;
  /** Called when the writer ends. */
  readonly release: () => void;
}

/** The writer of a blob that is in the store already, as another writer was faster: at its end from the start. */
export function visibleWriter(options: VisibleWriterOptions): BlobWriter {
  const { digest, size, isThere, makeDurable, release } = options;
  const suspend = async () => release();
  return {
    offset: size,
    append: async (chunk) => {
      if (chunk.length === 0) return;
      throw new Fault('SIZE_INVALID', `the blob ${digest} is in the store already, all its ${size} bytes`, {
        digest,
        size,
      });
    },
    commit: async () => {
      try {
        if (await isThere()) return await makeDurable();
        throw new Fault('UNAVAILABLE', `the blob ${digest} was removed from the store in the meantime`, {
          digest,
        });
      } finally {
        release();
      }
    },
    suspend,
    restart: async () => {},
    [Symbol.asyncDispose]: suspend,
  };
}
