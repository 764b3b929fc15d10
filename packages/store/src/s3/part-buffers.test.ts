import { PartBuffers } from './part-buffers.ts';

const PART = 4 * 1024 * 1024;
const NEVER_MS = 3_600_000;

/** Whether a promise has resolved by now. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  void promise.then(() => (settled = true));
  await new Promise(setImmediate);
  return settled;
}

test('no more is given than the bound; who waits is served in turn', async () => {
  const buffers = new PartBuffers(PART, 2 * PART, NEVER_MS);
  const [first, second] = [await buffers.take(PART), await buffers.take(PART - 1)];
  const third = buffers.take(PART);
  const fourth = buffers.take(PART);
  expect(await isSettled(third)).toBe(false);
  buffers.give(first);
  expect(await isSettled(third)).toBe(true);
  expect(await isSettled(fourth)).toBe(false);
  buffers.give(second);
  buffers.give(await third);
  expect(await isSettled(fourth)).toBe(true);
});

test('buffers have what is asked for, or a little more, and are used again', async () => {
  const buffers = new PartBuffers(PART, 2 * PART, NEVER_MS);
  for (const bytes of [0, 1, 65_536]) expect((await buffers.take(bytes)).length).toBe(bytes);
  const middle = await buffers.take(65_537);
  expect(middle.length).toBe(1024 * 1024);
  const part = await buffers.take(PART);
  buffers.give(part);
  buffers.give(middle);
  expect(await buffers.take(PART - 77)).toBe(part);
  expect(await buffers.take(1024 * 1024)).toBe(middle);
});

test('one that is larger than the bound is given alone', async () => {
  const buffers = new PartBuffers(PART, 2 * PART, NEVER_MS);
  const part = await buffers.take(PART);
  const large = buffers.take(3 * PART);
  expect(await isSettled(large)).toBe(false);
  buffers.give(part);
  expect((await large).length).toBe(3 * PART);
  const next = buffers.take(PART);
  expect(await isSettled(next)).toBe(false);
  buffers.give(await large);
  expect(await isSettled(next)).toBe(true);
});

test('small ones are given at once, whatever is taken', async () => {
  const buffers = new PartBuffers(PART, PART, NEVER_MS);
  await buffers.take(PART);
  expect((await buffers.take(1000)).length).toBe(1000);
});

test('when nothing is given back for a while, the bound gives way, one by one', async () => {
  const buffers = new PartBuffers(PART, PART, 5);
  await buffers.take(PART);
  const later = [buffers.take(PART), buffers.take(PART)];
  const waits = setTimeout(() => undefined, 10_000); // a timer that keeps nobody alive is what lets them in
  expect((await Promise.all(later)).map(({ length }) => length)).toEqual([PART, PART]);
  clearTimeout(waits);
});
