import { Room } from './concurrency.ts';

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
