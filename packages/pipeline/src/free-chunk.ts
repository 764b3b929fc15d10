/**
 * Gives the memory of a chunk back at once. A download allocates as much as it reads, outside of the heap, and the garbage
 * collector would take it back late and by marking the whole heap each time.
 *
 * Only of a chunk that was read into memory of its own: it reaches to the end of it, so nothing behind it is still to be
 * read there, and it is more than half of it, as no part of Node's shared pool for small buffers ever is.
 */
export function freeChunk({ buffer, byteOffset, byteLength }: Uint8Array): void {
  if (!(buffer instanceof ArrayBuffer)) return;
  const isLast = byteOffset + byteLength === buffer.byteLength;
  if (isLast && byteLength * 2 > buffer.byteLength) buffer.transfer(0);
}
