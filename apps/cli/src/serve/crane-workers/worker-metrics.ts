import { Fault } from '@gantry/oci';
import type { Health, Metrics } from '@gantry/service';
import type { WorkerProcess } from './worker-process.ts';

/** What there is to tell of the workers, beside what each of them counts. */
export interface WorkersSight {
  /** Those that take requests. */
  readonly listening: () => readonly WorkerProcess[];
  /** Whether the tree has a serial to serve. */
  readonly hasSerial: () => boolean;
  /** How often one was started again. */
  readonly restarts: () => number;
  /** How often one was killed, as it answered no more. */
  readonly hangs: () => number;
}

/** Readiness: there are workers, and each serves a serial if there is one. */
export function addWorkersCheck(health: Health, { listening, hasSerial }: WorkersSight): void {
  health.addCheck('workers', () => {
    const able = listening();
    if (able.length === 0) throw new Fault('UNAVAILABLE', 'no worker takes requests');
    if (!hasSerial()) return;
    const without = able.find(({ serial }) => serial === undefined);
    if (without !== undefined)
      throw new Fault('UNAVAILABLE', `worker ${without.place} has nothing to serve yet`);
  });
}

/**
 * `metrics` with the workers' figures, as these are when they are read. What else is told of a process (`process_…`,
 * `nodejs_…`) is of the one that guides the workers.
 */
export function withWorkerMetrics(metrics: Metrics, { listening, restarts, hangs }: WorkersSight): Metrics {
  metrics.gauge('gantry_crane_workers', 'Workers that take requests', [], (gauge) =>
    gauge.set(listening().length),
  );
  const restarted = metrics.counter(
    'gantry_crane_worker_restarts_total',
    'Workers that died and were started again',
  );
  const hung = metrics.counter(
    'gantry_crane_worker_hangs_total',
    'Workers that answered no more, and were killed',
  );
  const labels = ['worker'];
  const cpu = metrics.gauge(
    'gantry_crane_worker_cpu_seconds',
    'CPU time of a worker since it started',
    labels,
  );
  const resident = metrics.gauge(
    'gantry_crane_worker_resident_memory_bytes',
    'Resident memory of a worker',
    labels,
  );
  const told = { restarts: 0, hangs: 0 };
  return {
    ...metrics,
    async render() {
      await Promise.all(listening().map((worker) => worker.ask({ tell: 'figures' }, 'figures')));
      restarted.add(restarts() - told.restarts);
      hung.add(hangs() - told.hangs);
      told.restarts = restarts();
      told.hangs = hangs();
      cpu.clear();
      resident.clear();
      for (const { place, figures } of listening()) {
        if (figures === undefined) continue;
        cpu.set(figures.cpuSeconds, { worker: String(place) });
        resident.set(figures.residentBytes, { worker: String(place) });
      }
      return metrics.render();
    },
  };
}
