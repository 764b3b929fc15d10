import type { Leases } from '../catalog.ts';
import type { Lease } from '../records.ts';
import type { Database } from './database.ts';
import { isDuplicate } from './failures.ts';
import { mustBeNumber, text } from './documents.ts';

export interface LeaseRow {
  /** The lease's name. */
  readonly _id: string;
  /** null: it was given back. The row stays, as the next fence counts on from its own. */
  readonly holder: string | null;
  readonly fence: number;
  /** By the server's clock; 0 when it was given back. */
  readonly expiresAtMs: number;
}

/**
 * The catalog's clock is the server's, asked for before each decision. The decision holds only if the row is still as it
 * was read; a worker that was stopped in between decides by a time that is past, and so never too early.
 */
export function mongodbLeases(database: Database): Leases {
  const rows = database.collection<LeaseRow>('leases');
  return {
    acquire: (name, holder, ttlMs) =>
      database.call(async () => {
        for (;;) {
          const nowMs = await database.clock.nowMs();
          const former = await rows.findOne({ _id: text(name) });
          const next = taken(former, name, text(holder), nowMs, mustBeNumber(ttlMs));
          if (next === undefined) return undefined;
          if (await put(former, next)) return leaseOf(next, holder);
        }
      }),
    renew: ({ name, holder, fence }, ttlMs) =>
      database.call(async () => {
        const expiresAtMs = (await database.clock.nowMs()) + mustBeNumber(ttlMs);
        const { matchedCount } = await rows.updateOne(
          { _id: text(name), holder: text(holder), fence: mustBeNumber(fence) },
          { $set: { expiresAtMs } },
        );
        return matchedCount === 0 ? undefined : leaseOf({ _id: name, fence, expiresAtMs }, holder);
      }),
    async release({ name, holder, fence }) {
      await database.call(() =>
        rows.updateOne(
          { _id: text(name), holder: text(holder), fence: mustBeNumber(fence) },
          { $set: { holder: null, expiresAtMs: 0 } },
        ),
      );
    },
    list: () =>
      database.call(async () => {
        const nowMs = await database.clock.nowMs();
        const held = await database.find(rows, {
          index: 'leases_end',
          filter: { expiresAtMs: { $gt: nowMs } },
        });
        return held
          .flatMap((row) => (row.holder === null ? [] : [leaseOf(row, row.holder)]))
          .toSorted((a, b) => (a.name < b.name ? -1 : 1));
      }),
  };

  /** Puts a row in the place of what was read; false if another was faster. */
  async function put(former: LeaseRow | null, next: LeaseRow): Promise<boolean> {
    if (former !== null) {
      const { holder, fence, expiresAtMs } = next;
      const { matchedCount } = await rows.updateOne(former, { $set: { holder, fence, expiresAtMs } });
      return matchedCount === 1;
    }
    try {
      await rows.insertOne(next);
      return true;
    } catch (error) {
      if (isDuplicate(error)) return false;
      throw error;
    }
  }
}

/** The row after `holder` asked for the lease; undefined: another holds it. */
function taken(
  former: LeaseRow | null,
  name: string,
  holder: string,
  nowMs: number,
  ttlMs: number,
): LeaseRow | undefined {
  const inForce = former !== null && former.holder !== null && former.expiresAtMs > nowMs;
  if (inForce && former.holder !== holder) return undefined;
  const fence = inForce ? former.fence : (former?.fence ?? 0) + 1;
  return { _id: name, holder, fence, expiresAtMs: nowMs + ttlMs };
}

function leaseOf({ _id, fence, expiresAtMs }: Omit<LeaseRow, 'holder'>, holder: string): Lease {
  return { name: _id, holder, fence, expiresAt: new Date(expiresAtMs).toISOString() };
}
