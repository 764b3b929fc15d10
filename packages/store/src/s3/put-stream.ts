import { Fault, quote } from '@gantry/oci';
import { put, type PutOptions, type Written } from './objects.ts';
import type { S3Session } from './session.ts';
import { partSizeFor, startUpload } from './uploads.ts';

const PARTS_AT_ONCE = 3;

/**
 * Writes an object of a known size from a stream; in parts, some of which are sent side by side, where it is large.
 * @throws Fault SIZE_INVALID when the stream has another length: nothing is written then
 */
export async function putStream(
  session: S3Session,
  path: string,
  source: AsyncIterable<Uint8Array>,
  sizeBytes: number,
  options: PutOptions = {},
): Promise<Written> {
  const partBytes = partSizeFor(sizeBytes);
  const parts = piecesOf(source, sizeBytes, partBytes, path);
  const { ifNoneMatch, signal } = options;
  if (sizeBytes <= partBytes) {
    const { value = Buffer.alloc(0) } = await parts.next();
    await parts.next();
    return await put(session, path, value, options);
  }
  const upload = await startUpload(session, path, options);
  try {
    const underWay = new Set<Promise<void>>();
    let number = 0;
    try {
      for await (const part of parts) {
        const sending = upload.putPart(++number, part, { signal });
        const settled = sending.finally(() => underWay.delete(settled));
        settled.catch(() => undefined); // the race and the end below are told
        underWay.add(settled);
        if (underWay.size >= PARTS_AT_ONCE) await Promise.race(underWay);
      }
      await Promise.all(underWay);
    } finally {
      await Promise.allSettled(underWay);
    }
    const written = await upload.complete({ signal, ...(ifNoneMatch === undefined ? {} : { ifNoneMatch }) });
    if (!written.written) await upload.abort();
    return written;
  } catch (error) {
    await upload.abort().catch(() => undefined);
    throw error;
  }
}

/** The stream's bytes in pieces of one size, the last may be smaller; each in memory of its own. */
async function* piecesOf(
  source: AsyncIterable<Uint8Array>,
  sizeBytes: number,
  pieceBytes: number,
  path: string,
): AsyncGenerator<Buffer, undefined> {
  let piece: Buffer | undefined;
  let filled = 0;
  let taken = 0;
  for await (const chunk of source) {
    if (taken + chunk.length > sizeBytes) throw wrongLength(path, sizeBytes, `more than ${sizeBytes}`);
    for (let at = 0; at < chunk.length;) {
      piece ??= Buffer.allocUnsafeSlow(Math.min(pieceBytes, sizeBytes - taken));
      const part = chunk.subarray(at, at + piece.length - filled);
      piece.set(part, filled);
      filled += part.length;
      taken += part.length;
      at += part.length;
      if (filled < piece.length) continue;
      // The last piece is held back until the source has come to its end.
      if (taken === sizeBytes) continue;
      yield piece;
      piece = undefined;
      filled = 0;
    }
  }
  if (taken !== sizeBytes) throw wrongLength(path, sizeBytes, String(taken));
  if (piece !== undefined) yield piece;
}

function wrongLength(path: string, sizeBytes: number, came: string): Fault {
  return new Fault('SIZE_INVALID', `${quote(path)} is to have ${sizeBytes} bytes, and ${came} came`);
}
