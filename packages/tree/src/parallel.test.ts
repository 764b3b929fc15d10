import { forEachParallel } from './parallel.ts';

async function* upTo(count: number, ended: () => void): AsyncGenerator<number> {
  try {
    for (let at = 0; at < count; at++) yield await Promise.resolve(at);
  } finally {
    ended();
  }
}

describe('work in parallel', () => {
  test('meets each item once, no more at a time than allowed', async () => {
    for (const items of [Array.from({ length: 100 }, (_, at) => at), upTo(100, () => undefined)]) {
      const met: number[] = [];
      let [now, most] = [0, 0];
      await forEachParallel(items, 7, async (item) => {
        most = Math.max(most, ++now);
        await new Promise((resolve) => void setImmediate(resolve));
        met.push(item);
        now--;
      });
      expect(met.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, at) => at));
      expect(most).toBe(7);
    }
  });

  test('stops at the first failure, after what was begun, and closes what it iterates', async () => {
    let [begun, done, closed] = [0, 0, false];
    const work = forEachParallel(
      upTo(1000, () => {
        closed = true;
      }),
      4,
      async (item) => {
        begun++;
        await new Promise((resolve) => void setImmediate(resolve));
        if (item === 10) throw new Error('no');
        done++;
      },
    );
    await expect(work).rejects.toThrow('no');
    expect(begun).toBe(done + 1);
    expect(begun).toBeLessThan(20);
    expect(closed).toBe(true);
  });

  test('passes on a failure of what it iterates', async () => {
    const broken = (async function* () {
      yield await Promise.resolve(1);
      throw new Error('listing failed');
    })();
    await expect(forEachParallel(broken, 3, async () => undefined)).rejects.toThrow('listing failed');
  });
});
