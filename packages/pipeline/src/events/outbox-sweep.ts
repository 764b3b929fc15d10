import type { OutboxEvent } from '@gantry/catalog';
import { type HeldLease, LEASE_TTL_MS, type LeaseHolder, withLease } from '../hold-lease.ts';
import { CatalogClock } from './catalog-clock.ts';

const LEASE = 'events';
/** An event may have a megabyte, and a record several: few at once keep what is in memory small, whatever they are. */
const PAGE = 32;

/** Goes through the events that have waited for so long that whoever wrote them has died, or could not send them. */
export class OutboxSweep {
  readonly #flow: LeaseHolder;
  readonly #settledMs: number;
  readonly #clock = new CatalogClock();

  constructor(flow: LeaseHolder, settledMs: number) {
    this.#flow = flow;
    this.#settledMs = settledMs;
  }

  /**
   * Hands such events to `send`, the oldest first, page by page, unless another sweeps. Costs one read when there are none.
   * @param send sends them and takes them out
   * @returns whether none is left
   */
  async run(send: (events: readonly OutboxEvent[]) => Promise<void>): Promise<boolean> {
    if (this.#clock.isKnown && (await this.#settled(1)).length === 0) return true;
    const swept = await withLease(this.#flow, LEASE, async (lease, taken) => {
      this.#clock.readFrom(taken, LEASE_TTL_MS);
      return await this.#sweep(lease, send);
    });
    return swept?.value ?? false;
  }

  async #sweep(lease: HeldLease, send: (events: readonly OutboxEvent[]) => Promise<void>): Promise<boolean> {
    let count = 0;
    try {
      for (;;) {
        const events = await this.#settled(PAGE);
        if (events.length === 0) return true;
        await send(events);
        count += events.length;
        // Who was stopped for long leaves the rest to who has taken over: else each event would be sent by both.
        await lease.confirm();
      }
    } catch (error) {
      if (lease.signal.aborted && error === lease.signal.reason) return false;
      throw error;
    } finally {
      if (count > 0) this.#flow.log.info({ count }, 'events.swept');
    }
  }

  #settled(limit: number): Promise<OutboxEvent[]> {
    return this.#flow.catalog.outbox.pending(this.#clock.ago(this.#settledMs), limit);
  }
}
