import { jitteredMs, withRetries } from './retry.ts';

const policy = { attempts: 4, baseMs: 1, maxMs: 2 };

/** Fails so often, then gives how many attempts it took. */
function failing(times: number): { call: (attempt: number) => Promise<number>; calls: number[] } {
  const calls: number[] = [];
  const call = async (attempt: number) => {
    calls.push(attempt);
    if (calls.length <= times) throw new Error(`failure ${calls.length}`);
    return attempt;
  };
  return { call, calls };
}

test('a failure that may pass is met by further attempts, which are numbered', async () => {
  const { call, calls } = failing(3);
  expect(await withRetries(call, { policy, isTransient: () => true })).toBe(4);
  expect(calls).toEqual([1, 2, 3, 4]);
});

test('the last attempt decides', async () => {
  const { call, calls } = failing(9);
  await expect(withRetries(call, { policy, isTransient: () => true })).rejects.toThrow('failure 4');
  expect(calls).toHaveLength(4);
});

test('a failure that will not pass is met by nothing', async () => {
  const { call, calls } = failing(9);
  await expect(withRetries(call, { policy, isTransient: () => false })).rejects.toThrow('failure 1');
  expect(calls).toEqual([1]);
});

test('whoever is no longer interested is not made to wait', async () => {
  const { call, calls } = failing(9);
  const stop = new AbortController();
  const waiting = withRetries(call, {
    policy: { attempts: 4, baseMs: 1, maxMs: 3_600_000 },
    isTransient: () => true,
    askedMs: () => {
      stop.abort(new Error('not any more'));
      return 3_600_000; // as Retry-After may ask for
    },
    signal: stop.signal,
  });
  await expect(waiting).rejects.toThrow('not any more');
  expect(calls).toEqual([1]);
});

test('waits double up to a bound, and are anything below that', () => {
  const usual = { attempts: 9, baseMs: 100, maxMs: 1000 };
  const longest = [1, 2, 3, 4, 5, 9].map((attempt) => jitteredMs(attempt, usual, () => 1));
  expect(longest).toEqual([100, 200, 400, 800, 1000, 1000]);
  expect(jitteredMs(3, usual, () => 0)).toBe(0);
});
