import { workerData } from 'node:worker_threads';
import { Fault } from '@gantry/oci';
import { readReport } from './read-report.ts';

/** A thread that reads reports or refuses them, so that who started it can stop waiting, and end it. */
for (const report of workerData as readonly unknown[]) {
  try {
    readReport(report);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
  }
}
