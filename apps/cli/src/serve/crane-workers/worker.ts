import { type GuidedCrane, startGuidedCrane } from '@gantry/app-crane';
import { asFault } from '@gantry/oci';
import { createLogger, logLevelOf } from '@gantry/service';
import { readPublicKey } from '@gantry/tree';
import type { FromWorker, ToWorker, WorkerFigures, WorkerStart } from './messages.ts';

// The program of a worker: one crane on the port that all of them share. It ends when it is told to, and with the process
// that guides it (node:cluster sees to that). Signals that a terminal sends to all its processes are for that one alone.

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

const started = Promise.withResolvers<GuidedCrane>();
started.promise.catch(() => undefined); // told where it was started

process.on('message', (message: ToWorker) => {
  take(message).catch((error: unknown) => {
    started.reject(error);
    const { code, message: text, details } = asFault(error);
    process.send?.({ tell: 'failed', code, message: text, details } satisfies FromWorker, () =>
      process.exit(1),
    );
  });
});
tell({ tell: 'booted' });

async function take(message: ToWorker): Promise<void> {
  if (message.tell === 'start') {
    started.resolve(await start(message));
    const crane = await started.promise;
    tell({ tell: 'listening', url: crane.url, ...serving(crane) });
    return;
  }
  const crane = await started.promise;
  switch (message.tell) {
    case 'mirrors':
      crane.takeMirrors(message.reports);
      break;
    case 'look':
      await crane.refresh();
      tell({ tell: 'serving', ...serving(crane) });
      break;
    case 'configure':
      crane.reconfigure(message);
      tell({ tell: 'configured' });
      break;
    case 'reopenAccessLog':
      crane.reopenAccessLog();
      break;
    case 'figures':
      tell({ tell: 'figures', ...figures(crane) });
      break;
    case 'end':
      await crane[Symbol.asyncDispose]();
      process.send?.({ tell: 'figures', ...figures(crane) } satisfies FromWorker, () => process.exit(0));
  }
}

async function start(message: WorkerStart): Promise<GuidedCrane> {
  const { place, crane, trustedKeys, mirrors, highest } = message;
  return startGuidedCrane(
    {
      ...crane,
      trustedKeys: trustedKeys.map((pem) => readPublicKey(pem, 'crane.trustedKeys')),
      logger: createLogger({ name: 'crane', level: logLevelOf(process.env) }).child({ worker: place }),
    },
    {
      mirrors,
      ...(highest !== undefined && { highest }),
      onSuspect: (mirror, object) => tell({ tell: 'suspect', mirror, object }),
    },
  );
}

function tell(message: FromWorker): void {
  process.send?.(message);
}

function serving(crane: GuidedCrane): { readonly serial?: number } {
  const serial = crane.serial();
  return serial === undefined ? {} : { serial };
}

function figures(crane: GuidedCrane): WorkerFigures {
  const { user, system } = process.cpuUsage();
  return {
    counts: crane.samples(),
    residentBytes: process.memoryUsage.rss(),
    cpuSeconds: (user + system) / 1e6,
  };
}
