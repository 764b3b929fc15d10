import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Lease } from '@gantry/catalog';
import { Fault } from '@gantry/oci';
import type { Flow } from './context.ts';

/** How long a lease lasts without being renewed: what a successor of a killed worker waits at the most. */
export const LEASE_TTL_MS = 10_000;
const RENEW_EVERY_MS = LEASE_TTL_MS / 4;

/** A lease that is held while work goes on. */
export interface HeldLease extends Pick<Lease, 'name' | 'fence'> {
  /** Aborted when the lease was lost, with the fault that `confirm` throws then. */
  readonly signal: AbortSignal;
  /** Asks the catalog, not the clock. @throws Fault LEASE_LOST */
  confirm(): Promise<void>;
}

/** What it takes to hold one. */
export type LeaseHolder = Pick<Flow, 'catalog' | 'log' | 'holder'>;

/**
 * Runs `work` under the lease, renewing it meanwhile. What the work returns or throws is what the caller gets, also when
 * the lease can not be given back.
 * @param work is given the lease, and what the catalog said of it when it was taken
 * @returns what `work` returned, or undefined without running it when another holds the lease
 */
export async function withLease<T>(
  flow: LeaseHolder,
  name: string,
  work: (lease: HeldLease, taken: Lease) => Promise<T>,
): Promise<{ value: T } | undefined> {
  const leases = flow.catalog.leases;
  // A name of its own for each time: two who work in one process keep each other out, too.
  const holder = `${flow.holder} ${randomUUID()}`;
  const taken = await leases.acquire(name, holder, LEASE_TTL_MS);
  if (taken === undefined) return undefined;
  let lease: Lease | undefined = taken;
  const lost = new AbortController();
  const confirm = async () => {
    if (lease !== undefined) lease = await leases.renew(lease, LEASE_TTL_MS);
    if (lease !== undefined) return;
    lost.abort(
      new Fault('LEASE_LOST', `another worker has taken the lease ${name} over`, {
        lease: name,
      }),
    );
    lost.signal.throwIfAborted();
  };
  const timer = setInterval(() => {
    confirm().catch((error: unknown) => flow.log.warn({ err: error, lease: name }, 'lease.renewal_failed'));
  }, RENEW_EVERY_MS);
  try {
    return { value: await work({ name, fence: taken.fence, signal: lost.signal, confirm }, taken) };
  } finally {
    clearInterval(timer);
    if (lease !== undefined) await releaseLease(flow, lease);
  }
}

/** Gives a lease back. Never rejects: one that could not be given back is in the log, and ends by itself. */
export async function releaseLease({ catalog, log }: LeaseHolder, lease: Lease): Promise<void> {
  try {
    await catalog.leases.release(lease);
  } catch (error) {
    log.warn({ err: error, lease: lease.name }, 'lease.release_failed');
  }
}

/** Like withLease, but waits until the lease is free. */
export async function withLeaseWaiting<T>(
  flow: Flow,
  name: string,
  work: (lease: HeldLease) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  for (;;) {
    const result = await withLease(flow, name, work);
    if (result !== undefined) return result.value;
    await pause(250, undefined, signal === undefined ? {} : { signal });
  }
}
