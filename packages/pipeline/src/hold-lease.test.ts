import { Fault } from '@gantry/oci';
import { openFlow } from './flow.fixture.ts';
import { type LeaseHolder, withLease } from './hold-lease.ts';

const NAME = 'some-work';

/** A real catalog, from which nothing can be given back, and the log's warnings. */
async function open() {
  const fixture = await openFlow();
  const { flow } = fixture;
  const warned: unknown[] = [];
  const away: LeaseHolder = {
    ...flow,
    log: { ...flow.log, warn: (fields, event) => void warned.push([event, fields]) },
    catalog: {
      ...flow.catalog,
      leases: {
        ...flow.catalog.leases,
        release: () => Promise.reject(new Fault('UNAVAILABLE', 'the catalog is away')),
      },
    },
  };
  return {
    flow,
    away,
    warned,
    [Symbol.asyncDispose]: () => fixture[Symbol.asyncDispose](),
  };
}

const notReleased = [
  'lease.release_failed',
  { err: new Fault('UNAVAILABLE', 'the catalog is away'), lease: NAME },
];

describe('work under a lease', () => {
  test('gives what it returned, also when the lease can not be given back, which is in the log', async () => {
    await using at = await open();
    expect(await withLease(at.away, NAME, async () => 'done')).toEqual({ value: 'done' });
    expect(at.warned).toEqual([notReleased]);
  });

  test('throws what it threw, also when the lease can not be given back', async () => {
    await using at = await open();
    const full = new Fault('STORAGE_FULL', 'no space left');
    const work = withLease(at.away, NAME, () => Promise.reject(full));
    await expect(work).rejects.toBe(full);
    expect(at.warned).toEqual([notReleased]);
  });

  test('gives the lease back when it has ended, and keeps others out until then', async () => {
    await using at = await open();
    const { flow } = at;
    const inner = await withLease(flow, NAME, async () => await withLease(flow, NAME, async () => 'both'));
    expect(inner).toEqual({ value: undefined });
    expect(await flow.catalog.leases.list()).toEqual([]);
    expect(await withLease(flow, NAME, async () => 'next')).toEqual({ value: 'next' });
  });

  test('is told that the lease was lost, by the same fault each time and as the reason of its signal', async () => {
    await using at = await open();
    const { leases } = at.flow.catalog;
    await withLease(at.flow, NAME, async (lease, taken) => {
      await lease.confirm();
      await leases.release(taken);
      const faults: unknown[] = [];
      for (let times = 0; times < 2; times++) {
        await lease.confirm().catch((error: unknown) => faults.push(error));
      }
      expect(faults).toEqual([lease.signal.reason, lease.signal.reason]);
      expect(faults[0]).toBe(faults[1]);
      expect(faults[0]).toMatchObject({ code: 'LEASE_LOST' });
    });
  });
});
