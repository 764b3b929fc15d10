import {
  type ChangeableOptions,
  type CraneGuide,
  type CraneOptions,
  type MirrorReport,
  startCraneGuide,
} from '@gantry/app-crane';
import { keepWorkers, type Workers } from './keep-workers.ts';
import type { WorkerStart } from './messages.ts';
import { addWorkersCheck, withWorkerMetrics, type WorkersSight } from './worker-metrics.ts';
import type { Watching } from './watch-workers.ts';
import { forkWorker } from './worker-process.ts';

/** Several processes that answer pulls on one port, and this one, which guides them. Disposing of them drains all. */
export interface CraneWorkers extends AsyncDisposable {
  readonly url: string;
  readonly adminUrl?: string;
  /** Has all take other mirrors and proxies. @throws Fault CONFIGURATION_INVALID; then all stays as it was */
  reconfigure(next: ChangeableOptions): Promise<void>;
  /** Counts a new configuration that could not be read. */
  countRefusal(): void;
  reopenAccessLog(): void;
}

/** Changes of mirrors that come together are told together. */
const GATHER_MS = 20;

/**
 * @param options `logger` is this process's own; the workers' have the same name and level
 * @throws Fault CONFIGURATION_INVALID for what a crane alone refuses
 */
export async function startCraneWorkers(
  options: CraneOptions,
  count: number,
  log: CraneOptions['logger'],
  watching?: Watching,
): Promise<CraneWorkers> {
  await using stack = new AsyncDisposableStack();
  let guide: CraneGuide | undefined;
  let workers: Workers | undefined;
  const present = () => workers?.present() ?? [];
  const sight: WorkersSight = {
    listening: () => present().filter(({ isListening }) => isListening),
    hasSerial: () => guide?.highest() !== undefined,
    restarts: () => workers?.restarts() ?? 0,
    hangs: () => workers?.hangs() ?? 0,
  };

  /** Has those look at the pointer that do not serve what it names. */
  const tellSerial = () => {
    const serial = guide?.highest()?.serial;
    for (const worker of sight.listening()) if (worker.serial !== serial) worker.tell({ tell: 'look' });
  };
  const isNews = newsOfMirrors();
  let gathering: NodeJS.Timeout | undefined;
  stack.defer(() => clearTimeout(gathering));
  const tellMirrors = () => {
    gathering = undefined;
    const reports = guide?.reports().filter(isNews) ?? [];
    if (reports.length > 0) for (const worker of present()) worker.tell({ tell: 'mirrors', reports });
  };

  const guiding = await startCraneGuide(options, {
    onLook: tellSerial,
    onMirrors: () => void (gathering ??= setTimeout(tellMirrors, GATHER_MS)),
    addChecks: (health) => addWorkersCheck(health, sight),
    addMetrics: (metrics) => withWorkerMetrics(metrics, sight),
  });
  guide = stack.use(guiding);

  const { logger: _, trustedKeys = [], adminListen: __, serialFile: ___, ...crane } = options;
  let changeable: ChangeableOptions = crane;
  const startOf = (place: number): WorkerStart => {
    const highest = guiding.highest();
    return {
      place,
      crane: { ...crane, ...changeable },
      trustedKeys: trustedKeys.map(({ pem }) => pem),
      mirrors: guiding.reports(),
      ...(highest !== undefined && { highest }),
    };
  };
  const fork = (place: number) =>
    forkWorker(place, {
      start: () => startOf(place),
      onListening: tellSerial,
      onSuspect: (mirror, object) => guiding.suspect(mirror, object),
      onFigures: ({ counts }, former) => guiding.add(counts, former?.counts ?? []),
    });
  workers = stack.use(keepWorkers(count, fork, log, watching));
  const url = await workers.started;
  stack.defer(() => guiding.drain());

  const resources = stack.move();
  return {
    url,
    ...(guiding.adminUrl !== undefined && { adminUrl: guiding.adminUrl }),
    async reconfigure(next) {
      guiding.reconfigure(next);
      changeable = next;
      const told = present().map((worker) => worker.ask({ tell: 'configure', ...next }, 'configured'));
      await Promise.all(told);
    },
    countRefusal: () => guiding.countRefusal(),
    reopenAccessLog() {
      for (const worker of present()) worker.tell({ tell: 'reopenAccessLog' });
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** Tells whether a report says something else than the last one of that mirror did. */
function newsOfMirrors(): (report: MirrorReport) => boolean {
  const told = new Map<string, string>();
  return (report) => {
    const text = JSON.stringify(report);
    if (told.get(report.name) === text) return false;
    told.set(report.name, text);
    return true;
  };
}
