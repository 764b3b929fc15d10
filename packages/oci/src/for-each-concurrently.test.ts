import { setImmediate as nextTurn } from 'node:timers/promises';
import { forEachConcurrently } from './for-each-concurrently.ts';

async function* upTo(count: number, ended: () => void = () => undefined): AsyncGenerator<number> {
  try {
    for (let at = 0; at < count; at++) yield await Promise.resolve(at);
  } finally {
    ended();
  }
}

/** Items in the order given, and then an error. */
function* thenBroken(...items: number[]): Generator<number> {
  yield* items;
  throw new Error('the list broke off');
}

/** Work whose each run ends, well or not, when it is told to. */
function heldWork() {
  const begun = new Map<number, PromiseWithResolvers<void>>();
  const ended: number[] = [];
  const work = async (item: number) => {
    const held = Promise.withResolvers<void>();
    begun.set(item, held);
    await held.promise.finally(() => ended.push(item));
  };
  return { begun, ended, work };
}

/** As long as anything could still come of what has happened. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await nextTurn();
}

describe('work on each item', () => {
  test('meets each once, no more at a time than allowed', async () => {
    for (const items of [Array.from({ length: 100 }, (_, at) => at), upTo(100)]) {
      const met: number[] = [];
      let [now, most] = [0, 0];
      await forEachConcurrently(items, 7, async (item) => {
        most = Math.max(most, ++now);
        await nextTurn();
        met.push(item);
        now--;
      });
      expect(met.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, at) => at));
      expect(most).toBe(7);
    }
  });

  test('takes an item only when there is room for it', async () => {
    let taken = 0;
    const endless = (function* () {
      for (;;) yield taken++;
    })();
    const { begun, work } = heldWork();
    const all = forEachConcurrently(endless, 3, work);
    await settled();
    expect([taken, begun.size]).toEqual([3, 3]);
    begun.get(1)?.resolve();
    await settled();
    expect([taken, begun.size]).toEqual([4, 4]);
    for (const { reject } of begun.values()) reject(new Error('enough'));
    await expect(all).rejects.toThrow('enough');
  });

  test('that throws: the others are waited for, no further one is begun, and the list is closed', async () => {
    let isClosed = false;
    const { begun, ended, work } = heldWork();
    const items = upTo(1000, () => (isClosed = true));
    const all = forEachConcurrently(items, 3, work);
    let outcome: unknown;
    const over = all.catch((error: unknown) => (outcome = error));
    await settled();
    begun.get(1)?.reject(new Error('no'));
    await settled();
    expect([outcome, begun.size, isClosed]).toEqual([undefined, 3, false]);
    begun.get(0)?.reject(new Error('nor this'));
    begun.get(2)?.resolve();
    await over;
    expect(outcome).toEqual(new Error('no'));
    expect([ended, begun.size, isClosed]).toEqual([[1, 0, 2], 3, true]);
  });

  test('that throws while the next item is waited for: it is not begun', async () => {
    const late = Promise.withResolvers<number>();
    const slow = (async function* () {
      yield 0;
      yield await late.promise;
    })();
    const { begun, work } = heldWork();
    const all = forEachConcurrently(slow, 2, work);
    await settled();
    begun.get(0)?.reject(new Error('no'));
    await settled();
    late.resolve(1);
    await expect(all).rejects.toThrow('no');
    expect([...begun.keys()]).toEqual([0]);
  });

  test('that throws before it gives a promise ends as any other', async () => {
    const ended: number[] = [];
    const all = forEachConcurrently([0, 1], 2, (item) => {
      if (item === 1) throw new Error('at once');
      return nextTurn().then(() => void ended.push(item));
    });
    await expect(all).rejects.toThrow('at once');
    expect(ended).toEqual([0]);
  });

  test.each([
    ['as it is asked', thenBroken(0, 1)],
    [
      'a while after',
      (async function* () {
        yield* thenBroken(0, 1);
      })(),
    ],
  ])('of a list that throws %s is waited for', async (_when, items) => {
    const { begun, ended, work } = heldWork();
    let outcome: unknown;
    const over = forEachConcurrently(items, 2, work).catch((error: unknown) => (outcome = error));
    await settled();
    begun.get(0)?.resolve();
    await settled();
    expect([outcome, begun.size]).toEqual([undefined, 2]);
    begun.get(1)?.resolve();
    await over;
    expect([outcome, ended]).toEqual([new Error('the list broke off'), [0, 1]]);
  });

  test('tells why it ended, and not what the list says to being closed', async () => {
    const items = upTo(10, () => {
      throw new Error('closed badly');
    });
    const all = forEachConcurrently(items, 1, () => Promise.reject(new Error('why')));
    await expect(all).rejects.toThrow('why');
  });
});
