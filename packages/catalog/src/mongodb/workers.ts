import type { Workers } from '../catalog.ts';
import type { Worker } from '../records.ts';
import type { Database } from './database.ts';
import { inParts, mustBeNumber, text } from './documents.ts';

interface WorkerRow {
  readonly _id: string;
  readonly service: string;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly startedAt: string;
  readonly seenAtMs: number;
  readonly expiresAtMs: number;
}

const KEYS_A_QUERY = 1000;

/** Times are by the server's clock, as for leases. */
export function mongodbWorkers(database: Database): Workers {
  const rows = database.collection<WorkerRow>('workers');
  return {
    async beat({ id, service, host, pid, version, startedAt }, ttlMs) {
      await database.call(async () => {
        const seenAtMs = await database.clock.nowMs();
        const expiresAtMs = seenAtMs + mustBeNumber(ttlMs);
        const fields = { service, host, pid, version, startedAt, seenAtMs, expiresAtMs };
        await rows.updateOne({ _id: text(id) }, { $set: fields }, { upsert: true });
        await forget(seenAtMs);
      });
    },
    async leave(id) {
      await database.call(() => rows.deleteOne({ _id: text(id) }));
    },
    list: () =>
      database.call(async () => {
        const nowMs = await database.clock.nowMs();
        const found = await database.find(rows, {
          index: 'workers_end',
          filter: { expiresAtMs: { $gt: nowMs } },
        });
        return found.toSorted(byServiceAndStart).map(workerOf);
      }),
  };

  async function forget(nowMs: number): Promise<void> {
    const over = await database.find(rows, {
      index: 'workers_end',
      filter: { expiresAtMs: { $lte: nowMs } },
      fields: { _id: 1 },
    });
    const ids = over.map(({ _id }) => _id);
    for (const some of inParts(ids, KEYS_A_QUERY))
      // one that beat again meanwhile stays
      await rows.deleteMany({ _id: { $in: some }, expiresAtMs: { $lte: nowMs } });
  }
}

function byServiceAndStart(a: WorkerRow, b: WorkerRow): number {
  const key = ({ service, startedAt, _id }: WorkerRow) => JSON.stringify([service, startedAt, _id]);
  return key(a) < key(b) ? -1 : 1;
}

function workerOf(row: WorkerRow): Worker {
  const { _id: id, service, host, pid, version, startedAt, seenAtMs, expiresAtMs } = row;
  const seenAt = new Date(seenAtMs).toISOString();
  return {
    id,
    service,
    host,
    pid,
    version,
    startedAt,
    seenAt,
    expiresAt: new Date(expiresAtMs).toISOString(),
  };
}
