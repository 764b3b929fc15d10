import type { Leases } from '../catalog.ts';
import type { Lease } from '../records.ts';
import type { Database } from './database.ts';

interface Row {
  readonly name: string;
  readonly holder: string | null;
  readonly fence: number;
  readonly expires_at_ms: number;
}

/**
 * The catalog's clock is that of the machine, read inside the write's transaction: all who share the file share the
 * machine.
 */
export function sqliteLeases(database: Database): Leases {
  const get = database.prepare('SELECT * FROM leases WHERE name = ?');
  const take = database.prepare(
    'INSERT OR REPLACE INTO leases (name, holder, fence, expires_at_ms) VALUES (?, ?, ?, ?)',
  );
  const prolong = database.prepare(
    'UPDATE leases SET expires_at_ms = ? WHERE name = ? AND holder = ? AND fence = ?',
  );
  const release = database.prepare(
    'UPDATE leases SET holder = NULL WHERE name = ? AND holder = ? AND fence = ?',
  );
  const held = database.prepare(
    'SELECT * FROM leases WHERE holder IS NOT NULL AND expires_at_ms > ? ORDER BY name',
  );

  return {
    acquire: (name, holder, ttlMs) =>
      database.write(() => {
        const nowMs = Date.now();
        const former = get.get(name) as Row | undefined;
        const taken = former !== undefined && former.holder !== null && former.expires_at_ms > nowMs;
        if (taken && former.holder !== holder) return undefined;
        const fence = taken ? former.fence : (former?.fence ?? 0) + 1;
        take.run(name, holder, fence, nowMs + ttlMs);
        return leaseOf(name, holder, fence, nowMs + ttlMs);
      }),
    renew: ({ name, holder, fence }, ttlMs) =>
      database.write(() => {
        const expiresAtMs = Date.now() + ttlMs;
        const { changes } = prolong.run(expiresAtMs, name, holder, fence);
        return changes === 0 ? undefined : leaseOf(name, holder, fence, expiresAtMs);
      }),
    async release({ name, holder, fence }) {
      await database.write(() => release.run(name, holder, fence));
    },
    list: () =>
      database.read(() =>
        (held.all(Date.now()) as unknown as (Row & { holder: string })[]).map((row) =>
          leaseOf(row.name, row.holder, row.fence, row.expires_at_ms),
        ),
      ),
  };
}

function leaseOf(name: string, holder: string, fence: number, expiresAtMs: number): Lease {
  return { name, holder, fence, expiresAt: new Date(expiresAtMs).toISOString() };
}
