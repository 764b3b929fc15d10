import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { array, assert, asyncProperty, constant, integer, oneof } from 'fast-check';
import { DirectWrites } from './blob-file.ts';
import { BLOCK_BYTES, PIECE_BYTES, PieceBuffers } from './piece-buffers.ts';

/** A file that is written to with what `buffers` give out. */
async function newFile(buffers: Pick<PieceBuffers, 'isAligned'>, size: number) {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-store-'));
  const path = join(folder, 'blob');
  const descriptor = openSync(path, 'wx+');
  const { file, close } = new DirectWrites(buffers).open(path, descriptor, size);
  return {
    file,
    bytes: () => readFile(path),
    async [Symbol.asyncDispose]() {
      close();
      close(); // closes once: by a second time its number may be another file's
      closeSync(descriptor);
      await rm(folder, { recursive: true });
    },
  };
}

/** Bytes that tell where they belong. */
function fill(buffer: Buffer, from: number): Buffer {
  for (let at = 0; at < buffer.length; at++) buffer[at] = (from + at) % 251;
  return buffer;
}

test('pieces of any length, at any place, are in the file as they were given', async () => {
  const lengths = array(
    oneof(constant(PIECE_BYTES), constant(BLOCK_BYTES), integer({ min: 1, max: PIECE_BYTES })),
    { minLength: 1, maxLength: 5 },
  );
  await assert(
    asyncProperty(lengths, async (pieces) => {
      const size = pieces.reduce((sum, length) => sum + length, 0);
      const buffers = new PieceBuffers();
      await using at = await newFile(buffers, Math.max(size, PIECE_BYTES));
      let position = 0;
      for (const length of pieces) {
        const buffer = buffers.take(PIECE_BYTES);
        await at.file.write(fill(buffer.subarray(0, length), position), position);
        buffers.give(buffer);
        position += length;
      }
      expect((await at.bytes()).equals(fill(Buffer.alloc(size), 0))).toBe(true);
    }),
    { numRuns: 20, seed: 20261121 },
  );
});

test('what a file system refuses to take directly is written as any other file', async () => {
  // The kernel refuses memory that is not aligned in the same way as a file system that has no direct writes.
  const misaligned = Buffer.from(new PieceBuffers().take(PIECE_BYTES).buffer, 7, PIECE_BYTES);
  await using at = await newFile({ isAligned: () => true }, 2 * PIECE_BYTES);
  await at.file.write(fill(misaligned, 0), 0);
  await at.file.write(fill(misaligned, PIECE_BYTES), PIECE_BYTES);
  expect((await at.bytes()).equals(fill(Buffer.alloc(2 * PIECE_BYTES), 0))).toBe(true);
});

test('more pieces than the pool holds are given, and those of the pool are used again', () => {
  const buffers = new PieceBuffers();
  const taken = Array.from({ length: 100 }, () => buffers.take(PIECE_BYTES));
  const pooled = taken.filter((buffer) => buffers.isAligned(buffer));
  expect(new Set(pooled.map(({ byteOffset }) => byteOffset)).size).toBe(pooled.length);
  expect(pooled.every(({ byteOffset }) => byteOffset % BLOCK_BYTES === 0)).toBe(true);
  expect(pooled.length).toBeLessThan(taken.length);
  taken.forEach((buffer) => buffers.give(buffer));
  const again = Array.from({ length: pooled.length }, () => buffers.take(PIECE_BYTES));
  expect(again.every((buffer) => buffers.isAligned(buffer))).toBe(true);
});

test('a small buffer is as large as it was asked for', () => {
  expect(new PieceBuffers().take(100)).toHaveLength(100);
});
