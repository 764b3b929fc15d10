import { parentPort, workerData } from 'node:worker_threads';
import { asFault } from '@gantry/oci';
import type { Errand, Reply } from './verify-crew.ts';
import { createVerifyTasks } from './verify-tasks.ts';

/** A thread of {@link startCrew}: one task after the other, on the files below the directory that it was started with. */
const tasks = createVerifyTasks(String(workerData));
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
const reply = (message: Reply) => parentPort?.postMessage(message);

parentPort?.on('message', ({ id, task }: Errand) => {
  void tasks
    .perform(task, (bytes) => reply({ id, bytes }))
    .then(
      (answer) => reply({ id, answer }),
      (error: unknown) => {
        const { code, message, details } = asFault(error);
        reply({ id, fault: { code, message, details } });
      },
    );
});
