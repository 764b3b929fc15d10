import { MAX_TIMER_MS } from '@gantry/service';
import { lookEvery, nextWaitMs, repeat } from './schedule.ts';

test('each wait is up to a tenth shorter or longer, and no longer than a timer can be', () => {
  expect([0, 0.5, 1].map((random) => nextWaitMs(300_000, random))).toEqual([270_000, 300_000, 330_000]);
  expect(nextWaitMs(MAX_TIMER_MS, 1)).toBe(MAX_TIMER_MS);
});

test('what is repeated goes on after a failure, until it is disposed of', async () => {
  const errors: unknown[] = [];
  const thrice = Promise.withResolvers<void>();
  let calls = 0;
  const repeated = repeat(
    1,
    () => 0.5,
    async () => {
      if (++calls === 3) thrice.resolve();
      throw new Error('no');
    },
    (error) => errors.push(error),
  );
  await thrice.promise;
  await repeated[Symbol.asyncDispose]();
  expect(errors).toHaveLength(calls);
});

test('a look that takes long is not joined by another, and is waited for at the end', async () => {
  const [begun, end] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let looks = 0;
  let ended = false;
  const looking = lookEvery(
    1,
    async () => {
      looks++;
      begun.resolve();
      await end.promise;
      ended = true;
    },
    () => undefined,
  );
  await begun.promise;
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setTimeout(resolve, 2));
  expect(looks).toBe(1);
  end.resolve();
  await looking[Symbol.asyncDispose]();
  expect(ended).toBe(true);
});
