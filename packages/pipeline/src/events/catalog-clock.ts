import type { Lease, Timestamp } from '@gantry/catalog';

/** How long a reading holds: clocks drift, and may be set. */
const HOLDS_MS = 60_000;

/** The catalog's clock as it is known here: whatever the clock of this machine says, which may be an hour off. */
export class CatalogClock {
  #offsetMs: number | undefined;
  #readAtMs = 0;

  /** Whether it has been read, and lately. */
  get isKnown(): boolean {
    return this.#offsetMs !== undefined && performance.now() - this.#readAtMs < HOLDS_MS;
  }

  /** Reads it off a lease that was given just now, for so long. */
  readFrom({ expiresAt }: Lease, ttlMs: number): void {
    this.#readAtMs = performance.now();
    this.#offsetMs = Date.parse(expiresAt) - ttlMs - this.#readAtMs;
  }

  /** The time so long ago. Only when it is known. */
  ago(ms: number): Timestamp {
    return new Date((this.#offsetMs ?? 0) + performance.now() - ms).toISOString();
  }
}
