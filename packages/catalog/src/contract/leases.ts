import type { CatalogPlace } from '../catalog.contract.ts';
import type { Lease } from '../index.ts';

const MINUTE_MS = 60_000;

export function leasesContract(open: () => Promise<CatalogPlace>): void {
  test('one holds a lease at a time; who holds it may take it again and keeps the fence', async () => {
    await using place = await open();
    const { leases } = await place.connect();
    const lease = taken(await leases.acquire('publish', 'a', MINUTE_MS));
    expect(lease).toMatchObject({ name: 'publish', holder: 'a' });
    expect(await leases.acquire('publish', 'b', MINUTE_MS)).toBeUndefined();
    const again = taken(await leases.acquire('publish', 'a', 2 * MINUTE_MS));
    expect(again.fence).toBe(lease.fence);
    expect(again.expiresAt > lease.expiresAt).toBe(true);
    expect(taken(await leases.acquire('collect', 'b', MINUTE_MS)).name).toBe('collect');
  });

  test('of many that ask at once one gets it', async () => {
    await using place = await open();
    const first = await place.connect();
    const second = await place.connect();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, at) =>
        (at % 2 ? first : second).leases.acquire('publish', `w${at}`, MINUTE_MS),
      ),
    );
    expect(answers.filter((answer) => answer !== undefined)).toHaveLength(1);
  });

  test('the fence rises with each taking, after a release, after an end, and for the same holder too', async () => {
    await using place = await open();
    const { leases } = await place.connect();
    const fences: number[] = [];
    const ALREADY_OVER = 0;
    for (const holder of ['a', 'a', 'b', 'a']) {
      const lease = taken(await leases.acquire('publish', holder, MINUTE_MS));
      fences.push(lease.fence);
      await leases.release(lease);
      fences.push(taken(await leases.acquire('publish', holder, ALREADY_OVER)).fence);
    }
    expect(fences).toEqual([...new Set(fences)].toSorted((a, b) => a - b));
    expect(fences).toHaveLength(8);
  });

  test('renew prolongs a lease, also one that ended if nobody took it', async () => {
    await using place = await open();
    const { leases } = await place.connect();
    const lease = taken(await leases.acquire('publish', 'a', 0));
    const renewed = taken(await leases.renew(lease, MINUTE_MS));
    expect(renewed.fence).toBe(lease.fence);
    expect(renewed.expiresAt > lease.expiresAt).toBe(true);
    expect(await leases.acquire('publish', 'b', MINUTE_MS)).toBeUndefined();
  });

  test('a lease that another took over can neither be renewed nor released by the former holder', async () => {
    await using place = await open();
    const { leases } = await place.connect();
    const former = taken(await leases.acquire('publish', 'a', 0));
    const lease = taken(await leases.acquire('publish', 'b', MINUTE_MS));
    expect(lease.fence).toBeGreaterThan(former.fence);
    expect(await leases.renew(former, MINUTE_MS)).toBeUndefined();
    await leases.release(former);
    expect(await leases.acquire('publish', 'c', MINUTE_MS)).toBeUndefined();
    expect(await leases.list()).toEqual([lease]);
  });

  test('a lease that was given back can not be renewed', async () => {
    await using place = await open();
    const { leases } = await place.connect();
    const lease = taken(await leases.acquire('publish', 'a', MINUTE_MS));
    await leases.release(lease);
    await leases.release(lease);
    expect(await leases.renew(lease, MINUTE_MS)).toBeUndefined();
  });

  test('list has the leases in force, by name', async () => {
    await using place = await open();
    const { leases } = await place.connect();
    const b = taken(await leases.acquire('b', 'one', MINUTE_MS));
    const a = taken(await leases.acquire('a', 'two', MINUTE_MS));
    await leases.acquire('over', 'one', 0);
    await leases.release(taken(await leases.acquire('free', 'one', MINUTE_MS)));
    expect(await leases.list()).toEqual([a, b]);
  });
}

function taken(lease: Lease | undefined): Lease {
  if (lease === undefined) throw new Error('the lease was not given');
  return lease;
}
