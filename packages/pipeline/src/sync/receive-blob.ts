import { asFault } from '@gantry/oci';
import type { BlobDownload } from '@gantry/registry';
import type { BlobWriter } from '@gantry/store';
import { freeChunk } from '../free-chunk.ts';
import type { Progress } from './progress.ts';

const ATTEMPTS = 5;

/** Starts a download at an offset. */
export type Download = (offset: number) => Promise<BlobDownload>;

/** Reads a blob to its end, going on where a connection broke, as long as each attempt brings it further. */
export async function receiveBlob(
  writer: BlobWriter,
  size: number,
  { signal, progress }: { readonly signal: AbortSignal; readonly progress: Progress },
  download: Download,
): Promise<void> {
  let resumed = writer.offset > 0;
  for (let attempt = 1; ; attempt++) {
    const before = writer.offset;
    try {
      if (writer.offset < size || size === 0) {
        const { offset, body } = await download(writer.offset);
        if (offset !== writer.offset) await writer.restart();
        for await (const chunk of body as AsyncIterable<Buffer>) {
          signal.throwIfAborted();
          await writer.append(chunk);
          progress.bytes(chunk.length);
          freeChunk(chunk);
        }
      }
      return await writer.commit();
    } catch (error) {
      signal.throwIfAborted();
      const { code } = asFault(error);
      // Bytes of an earlier attempt may be what is wrong: once more from the start then, and not again.
      const stale = code === 'DIGEST_INVALID' && resumed;
      const cut = code === 'SIZE_INVALID' || code === 'SOURCE_UNREACHABLE' || code === 'SOURCE_FAILED';
      const cameFurther = writer.offset > before;
      if (!stale && !(cut && cameFurther && attempt < ATTEMPTS)) throw error;
      if (stale) await writer.restart();
      resumed = false;
    }
  }
}
