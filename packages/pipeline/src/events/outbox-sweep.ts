import { randomUUID } from 'node:crypto';
import type { Lease, OutboxEvent } from '@gantry/catalog';
import type { Flow } from '../context.ts';
import { CatalogClock } from './catalog-clock.ts';

const LEASE = 'events';
const LEASE_TTL_MS = 10_000;
/** An event may have a megabyte, and a record several: few at once keep what is in memory small, whatever they are. */
const PAGE = 32;

/** Goes through the events that have waited for so long that whoever wrote them has died, or could not send them. */
export class OutboxSweep {
  readonly #flow: Pick<Flow, 'catalog' | 'log' | 'holder'>;
  readonly #settledMs: number;
  readonly #clock = new CatalogClock();
  readonly #holder: string;

  constructor(flow: Pick<Flow, 'catalog' | 'log' | 'holder'>, settledMs: number) {
    this.#flow = flow;
    this.#settledMs = settledMs;
    this.#holder = `${flow.holder} ${randomUUID()}`;
  }

  /**
   * Hands such events to `send`, the oldest first, page by page, unless another sweeps. Costs one read when there are none.
   * @param send sends them and takes them out
   * @returns whether none is left
   */
  async run(send: (events: readonly OutboxEvent[]) => Promise<void>): Promise<boolean> {
    const { catalog, log } = this.#flow;
    const { leases } = catalog;
    if (this.#clock.isKnown && (await this.#settled(1)).length === 0) return true;
    let lease: Lease | undefined = await leases.acquire(LEASE, this.#holder, LEASE_TTL_MS);
    if (lease === undefined) return false;
    this.#clock.readFrom(lease, LEASE_TTL_MS);
    // Meanwhile, too: a page may wait for the broker for longer than the lease lasts.
    const renew = async () => {
      if (lease !== undefined) lease = await leases.renew(lease, LEASE_TTL_MS);
    };
    const renewing = setInterval(() => {
      renew().catch((error: unknown) => log.warn({ err: error, lease: LEASE }, 'lease.renewal_failed'));
    }, LEASE_TTL_MS / 4);
    let count = 0;
    try {
      for (;;) {
        const events = await this.#settled(PAGE);
        if (events.length === 0) return true;
        await send(events);
        count += events.length;
        // Who was stopped for long leaves the rest to who has taken over: else each event would be sent by both.
        await renew();
        if (lease === undefined) return false;
      }
    } finally {
      clearInterval(renewing);
      if (count > 0) log.info({ count }, 'events.swept');
      if (lease !== undefined) await leases.release(lease);
    }
  }

  #settled(limit: number): Promise<OutboxEvent[]> {
    return this.#flow.catalog.outbox.pending(this.#clock.ago(this.#settledMs), limit);
  }
}
