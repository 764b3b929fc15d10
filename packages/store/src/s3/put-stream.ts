import { Fault, quote } from '@gantry/oci';
import { put, type PutOptions, type Written } from './objects.ts';
import type { PartBuffers } from './part-buffers.ts';
import type { S3Session } from './session.ts';
import { partSizeFor, startUpload } from './uploads.ts';

const PARTS_AT_ONCE = 3;

/**
 * Writes an object of a known size from a stream; in parts, some of which are sent side by side, where it is large.
 * @param buffers memory that all streams share: new one for each part would be garbage for long
 * @throws Fault SIZE_INVALID when the stream has another length: nothing is written then
 */
export async function putStream(
  session: S3Session,
  buffers: PartBuffers,
  path: string,
  source: AsyncIterable<Uint8Array>,
  sizeBytes: number,
  options: PutOptions = {},
): Promise<Written> {
  const partBytes = partSizeFor(sizeBytes);
  const parts = piecesOf(source, sizeBytes, partBytes, path, buffers);
  const { ifNoneMatch, signal } = options;
  if (sizeBytes <= partBytes) {
    const { value } = await parts.next();
    try {
      return await put(session, path, value?.bytes ?? Buffer.alloc(0), options);
    } finally {
      if (value !== undefined) buffers.give(value.buffer);
    }
  }
  const upload = await startUpload(session, path, options);
  try {
    const underWay = new Set<Promise<void>>();
    let number = 0;
    try {
      for await (const { bytes, buffer } of parts) {
        const sending = upload.putPart(++number, bytes, { signal });
        const settled = sending.finally(() => {
          buffers.give(buffer);
          underWay.delete(settled);
        });
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

/** Bytes of a stream, in a buffer that is to be given back. */
interface Piece {
  readonly bytes: Buffer;
  readonly buffer: Buffer;
}

/** The stream's bytes in pieces of one size, the last may be smaller. It comes once the stream has ended as it should. */
async function* piecesOf(
  source: AsyncIterable<Uint8Array>,
  sizeBytes: number,
  pieceBytes: number,
  path: string,
  buffers: PartBuffers,
): AsyncGenerator<Piece, undefined> {
  let piece: Piece | undefined;
  let filled = 0;
  let taken = 0;
  try {
    for await (const chunk of source) {
      if (taken + chunk.length > sizeBytes) throw wrongLength(path, sizeBytes, `more than ${sizeBytes}`);
      for (let at = 0; at < chunk.length;) {
        piece ??= await newPiece(buffers, Math.min(pieceBytes, sizeBytes - taken));
        const part = chunk.subarray(at, at + piece.bytes.length - filled);
        piece.bytes.set(part, filled);
        filled += part.length;
        taken += part.length;
        at += part.length;
        if (filled < piece.bytes.length || taken === sizeBytes) continue;
        const full = piece;
        piece = undefined;
        filled = 0;
        yield full;
      }
    }
    if (taken !== sizeBytes) throw wrongLength(path, sizeBytes, String(taken));
    if (piece === undefined) return;
    const last = piece;
    piece = undefined;
    yield last;
  } finally {
    if (piece !== undefined) buffers.give(piece.buffer);
  }
}

async function newPiece(buffers: PartBuffers, sizeBytes: number): Promise<Piece> {
  const buffer = await buffers.take(sizeBytes);
  return { bytes: buffer.subarray(0, sizeBytes), buffer };
}

function wrongLength(path: string, sizeBytes: number, came: string): Fault {
  return new Fault('SIZE_INVALID', `${quote(path)} is to have ${sizeBytes} bytes, and ${came} came`);
}
