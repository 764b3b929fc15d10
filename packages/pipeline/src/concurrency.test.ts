import { Room, SingleFlight } from './concurrency.ts';

describe('room for some work', () => {
  test('lets in as much as it has room for, the others in their order', async () => {
    const room = new Room(2);
    const order: number[] = [];
    const starts = Array.from({ length: 4 }, () => Promise.withResolvers<void>());
    const ends = Array.from({ length: 4 }, () => Promise.withResolvers<void>());
    const runs = ends.map(({ promise }, n) =>
      room.run(() => {
        order.push(n);
        starts[n]?.resolve();
        return promise;
      }),
    );
    expect([order, room.waiting]).toEqual([[0, 1], 2]);
    ends[1]?.resolve();
    await Promise.all([runs[1], starts[2]?.promise]);
    expect([order, room.waiting]).toEqual([[0, 1, 2], 1]);
    for (const { resolve } of ends) resolve();
    await Promise.all(runs);
    expect([order, room.waiting]).toEqual([[0, 1, 2, 3], 0]);
  });

  test('is not taken by who does not wait any longer', async () => {
    const room = new Room(1);
    const gone = new AbortController();
    const end = Promise.withResolvers<void>();
    const first = room.run(() => end.promise);
    const leaving = room.run(async () => 'left', gone.signal);
    const staying = room.run(async () => 'stayed');
    gone.abort(new Error('gone'));
    await expect(leaving).rejects.toThrow('gone');
    await expect(room.run(async () => 'late', gone.signal)).rejects.toThrow('gone');
    expect(room.waiting).toBe(1);
    end.resolve();
    expect([await first, await staying, room.waiting]).toEqual([undefined, 'stayed', 0]);
    expect(await room.run(async () => 'again')).toBe('again');
  });
});

describe('one run a key', () => {
  test('is shared by all who ask while it is under way, and begun anew by who asks later', async () => {
    const flight = new SingleFlight<string>();
    const end = Promise.withResolvers<void>();
    const runs: string[] = [];
    const run = (key: string) =>
      flight.run(key, () => {
        runs.push(key);
        return end.promise;
      });
    const all = [run('a'), run('a'), run('b'), run('a')];
    expect(runs).toEqual(['a', 'b']);
    end.resolve();
    await Promise.all(all);
    await run('a');
    expect(runs).toEqual(['a', 'b', 'a']);
  });

  test('that fails fails for its own caller alone: one of those who wait tries next, the others wait for that', async () => {
    const flight = new SingleFlight<string>();
    const runs: string[] = [];
    const ends = new Map(['first', 'second', 'third'].map((name) => [name, Promise.withResolvers<void>()]));
    const run = (name: string) =>
      flight.run('key', async () => {
        runs.push(name);
        await ends.get(name)?.promise;
      });
    const [first, second, third] = [run('first'), run('second'), run('third')];
    ends.get('first')?.reject(new Error('a bad source'));
    await expect(first).rejects.toThrow('a bad source');
    ends.get('second')?.resolve();
    await Promise.all([second, third]);
    expect(runs).toEqual(['first', 'second']);
  });

  test('that throws before it gives a promise is forgotten as any other', async () => {
    const flight = new SingleFlight<string>();
    const run = flight.run('key', () => {
      throw new Error('at once');
    });
    await expect(run).rejects.toThrow('at once');
    let ran = false;
    await flight.run('key', async () => void (ran = true));
    expect(ran).toBe(true);
  });
});
