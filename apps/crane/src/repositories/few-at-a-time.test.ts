import { until } from '../crane.fixture.ts';
import { fewAtATime } from './few-at-a-time.ts';

/** Work that is under way until it is ended, and that says when it has begun. */
function pieces(count: number) {
  const begun: number[] = [];
  const ends = Array.from({ length: count }, () => Promise.withResolvers<void>());
  const work = ends.map(({ promise }, number) => async () => {
    begun.push(number);
    await promise;
    return number;
  });
  return { begun, work, end: (number: number) => ends[number]?.resolve() };
}

test('a few are under way at once, and who waits comes in turn', async () => {
  const { begun, work, end } = pieces(5);
  const results = work.map(fewAtATime(2));
  await until(() => begun.length === 2);
  end(1);
  await until(() => begun.length === 3);
  expect(begun).toEqual([0, 1, 2]);
  for (const number of [0, 2, 3, 4]) end(number);
  expect(await Promise.all(results)).toEqual([0, 1, 2, 3, 4]);
  expect(begun).toEqual([0, 1, 2, 3, 4]);
});

test('work that fails gives its place to the next', async () => {
  const inTurn = fewAtATime(1);
  await expect(inTurn(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await inTurn(() => Promise.resolve(7))).toBe(7);
});

test('what hangs holds up nothing, up to a limit', async () => {
  const { begun, work, end } = pieces(6);
  const results = work.map(fewAtATime(2, { patienceMs: 1, slowLimit: 3 }));
  await until(() => begun.length === 5); // three that are slow, and two
  await new Promise((next) => void setTimeout(next, 20));
  expect(begun).toEqual([0, 1, 2, 3, 4]);
  end(0);
  for (const number of [3, 1, 2, 4, 5]) end(number);
  expect(await Promise.all(results)).toEqual([0, 1, 2, 3, 4, 5]);
});
