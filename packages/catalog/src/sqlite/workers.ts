import type { Workers } from '../catalog.ts';
import type { Worker } from '../records.ts';
import type { Database } from './database.ts';

interface Row {
  readonly id: string;
  readonly service: string;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly started_at: string;
  readonly seen_at_ms: number;
  readonly expires_at_ms: number;
}

/** The catalog's clock is that of the machine, read inside the write's transaction, as for leases. */
export function sqliteWorkers(database: Database): Workers {
  const put = database.prepare(`
    INSERT OR REPLACE INTO workers (id, service, host, pid, version, started_at, seen_at_ms, expires_at_ms)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
  `);
  const forget = database.prepare('DELETE FROM workers WHERE expires_at_ms <= ?');
  const remove = database.prepare('DELETE FROM workers WHERE id = ?');
  const list = database.prepare(
    'SELECT * FROM workers WHERE expires_at_ms > ? ORDER BY service, started_at, id',
  );
  return {
    async beat({ id, service, host, pid, version, startedAt }, ttlMs) {
      await database.write(() => {
        const nowMs = Date.now();
        put.run(id, service, host, pid, version, startedAt, nowMs, nowMs + ttlMs);
        forget.run(nowMs);
      });
    },
    async leave(id) {
      await database.write(() => remove.run(id));
    },
    list: () => database.read(() => (list.all(Date.now()) as unknown as Row[]).map(workerOf)),
  };
}

function workerOf(row: Row): Worker {
  const { id, service, host, pid, version } = row;
  return {
    id,
    service,
    host,
    pid,
    version,
    startedAt: row.started_at,
    seenAt: new Date(row.seen_at_ms).toISOString(),
    expiresAt: new Date(row.expires_at_ms).toISOString(),
  };
}
