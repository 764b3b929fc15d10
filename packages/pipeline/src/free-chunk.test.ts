import { freeChunk } from './free-chunk.ts';

test('the memory of a chunk that was read from a socket is given back', () => {
  const chunk = Buffer.from(new ArrayBuffer(64 * 1024));
  freeChunk(chunk);
  expect(chunk.length).toBe(0);
});

test('so is that of a chunk which begins behind a header', () => {
  const memory = new ArrayBuffer(64 * 1024);
  freeChunk(Buffer.from(memory, 200));
  expect(memory.byteLength).toBe(0);
});

test('memory behind the chunk may still be read, so it stays', () => {
  const memory = new ArrayBuffer(64 * 1024);
  freeChunk(Buffer.from(memory, 0, 64 * 1024 - 1));
  expect(memory.byteLength).toBe(64 * 1024);
});

test("no part of Node's shared pool is ever taken from its neighbours", () => {
  for (let count = 0; count < 200; count++) {
    const neighbour = Buffer.from('neighbour');
    const chunk = Buffer.allocUnsafe(Buffer.poolSize / 2 - 1);
    freeChunk(chunk);
    expect(chunk.length).toBe(Buffer.poolSize / 2 - 1);
    expect(neighbour.toString()).toBe('neighbour');
  }
});

test('shared memory is left alone', () => {
  const memory = new SharedArrayBuffer(64 * 1024);
  freeChunk(new Uint8Array(memory));
  expect(memory.byteLength).toBe(64 * 1024);
});
