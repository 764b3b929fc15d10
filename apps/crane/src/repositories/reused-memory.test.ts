import { reusedMemory } from './reused-memory.ts';

const KIB = 1024;

/** The memory that a piece of work was given. */
const given = (withMemory: ReturnType<typeof reusedMemory>, sizeBytes: number) =>
  withMemory(async (allocate) => allocate(sizeBytes));

test('one piece of work after the other has the same memory', async () => {
  const withMemory = reusedMemory(1);
  const first = await given(withMemory, 5 * KIB);
  const second = await given(withMemory, 9 * KIB);
  expect([first.length, second.length, second.buffer === first.buffer]).toEqual([5 * KIB, 9 * KIB, true]);
  const larger = await given(withMemory, 100 * KIB);
  expect([larger.length, larger.buffer === first.buffer]).toEqual([100 * KIB, false]);
  expect((await given(withMemory, KIB)).buffer).toBe(larger.buffer);
});

test('work at the same time has memory of its own, also when one fails', async () => {
  const withMemory = reusedMemory(1);
  const { promise, resolve } = Promise.withResolvers<void>();
  const held = withMemory(async (allocate) => {
    const memory = allocate(KIB);
    await promise;
    return memory;
  });
  const other = await given(withMemory, KIB);
  await expect(withMemory(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  resolve();
  expect((await held).buffer).not.toBe(other.buffer);
  expect((await given(withMemory, KIB)).buffer).toBe(other.buffer); // one piece is kept
});

test('what is large is not kept', async () => {
  const withMemory = reusedMemory(1);
  const large = await given(withMemory, 300 * KIB);
  expect(large.length).toBe(300 * KIB);
  expect((await given(withMemory, KIB)).buffer.byteLength).toBe(16 * KIB);
});
