import { joinCalls } from './join-calls.ts';

test('runs follow one another, and calls during one share the next', async () => {
  const ends: (() => void)[] = [];
  let running = 0;
  let most = 0;
  const call = joinCalls(async () => {
    most = Math.max(most, ++running);
    const end = Promise.withResolvers<void>();
    ends.push(end.resolve);
    await end.promise;
    running--;
  });
  const first = call();
  await Promise.resolve().then(() => undefined);
  await new Promise(setImmediate);
  expect(ends).toHaveLength(1);
  const second = [call(), call(), call()];
  await new Promise(setImmediate);
  expect(ends).toHaveLength(1);
  ends[0]?.();
  await first;
  await new Promise(setImmediate);
  expect(ends).toHaveLength(2);
  ends[1]?.();
  await Promise.all(second);
  expect([ends.length, most]).toEqual([2, 1]);
});

test('a run that fails is told to its callers, and the next one runs', async () => {
  let runs = 0;
  const call = joinCalls(async () => {
    if (++runs === 1) throw new Error('first');
  });
  await expect(call()).rejects.toThrow('first');
  await call();
  expect(runs).toBe(2);
});
