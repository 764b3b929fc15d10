import type { CatalogPlace } from '../catalog.contract.ts';
import { time } from './samples.ts';

const MINUTE_MS = 60_000;

export function workersContract(open: () => Promise<CatalogPlace>): void {
  test('a worker that beats is listed with what it says of itself, and with the times of its beat', async () => {
    await using place = await open();
    const [one, other] = [await place.connect(), await place.connect()];
    await one.workers.beat(worker('w1'), MINUTE_MS);
    const [first, ...rest] = await other.workers.list();
    expect(rest).toEqual([]);
    expect(first).toEqual({ ...worker('w1'), seenAt: expect.any(String), expiresAt: expect.any(String) });
    expect(Date.parse(first?.expiresAt ?? '') - Date.parse(first?.seenAt ?? '')).toBe(MINUTE_MS);
  });

  test('another beat prolongs its time', async () => {
    await using place = await open();
    const { workers } = await place.connect();
    await workers.beat(worker('w1'), MINUTE_MS);
    const [before] = await workers.list();
    await workers.beat(worker('w1'), 2 * MINUTE_MS);
    const after = await workers.list();
    expect(after).toHaveLength(1);
    expect(Date.parse(after[0]?.expiresAt ?? '')).toBeGreaterThan(Date.parse(before?.expiresAt ?? ''));
  });

  test('one whose time is over is not listed, and may come again', async () => {
    await using place = await open();
    const { workers } = await place.connect();
    await workers.beat(worker('silent'), 0);
    await workers.beat(worker('alive'), MINUTE_MS);
    expect((await workers.list()).map(({ id }) => id)).toEqual(['alive']);
    await workers.beat(worker('silent'), MINUTE_MS);
    expect((await workers.list()).map(({ id }) => id).toSorted()).toEqual(['alive', 'silent']);
  });

  test('one that leaves is gone at once; leaving twice is no error', async () => {
    await using place = await open();
    const { workers } = await place.connect();
    await workers.beat(worker('w1'), MINUTE_MS);
    await workers.beat(worker('w2'), MINUTE_MS);
    await workers.leave('w1');
    await workers.leave('w1');
    await workers.leave('unknown');
    expect((await workers.list()).map(({ id }) => id)).toEqual(['w2']);
  });

  test('they are listed by service, then by when they started', async () => {
    await using place = await open();
    const { workers } = await place.connect();
    await workers.beat(worker('a', { service: 'sync', startedAt: time(5) }), MINUTE_MS);
    await workers.beat(worker('b', { service: 'sync', startedAt: time(1) }), MINUTE_MS);
    await workers.beat(worker('c', { service: 'promote', startedAt: time(9) }), MINUTE_MS);
    expect((await workers.list()).map(({ id }) => id)).toEqual(['c', 'b', 'a']);
  });
}

function worker(id: string, also: { readonly service?: string; readonly startedAt?: string } = {}) {
  return {
    id,
    service: 'all',
    host: 'one.example.org',
    pid: 4711,
    version: '1.2.3',
    startedAt: time(0),
    ...also,
  };
}
