import { Worker } from 'node:worker_threads';
import { Fault } from '@gantry/oci';
import type { Compared, Comparison } from './bcrypt.worker.ts';

/** Whether a password has a bcrypt hash. @throws Fault UNAVAILABLE when too many are asked about already */
export type ComparePasswords = (password: string, hash: string) => Promise<boolean>;

/** A hash costs some 100 ms by design: who guesses passwords must not keep all others waiting for long. */
const WAITING_MAX = 32;

/** Compares in a thread of its own, so that nobody else waits. It starts with the first question, and ends no process late. */
export function passwordComparer(): ComparePasswords & Disposable {
  const waiting = new Map<number, PromiseWithResolvers<boolean>>();
  let worker: Worker | undefined;
  let asked = 0;

  const start = (): Worker => {
    const started = new Worker(new URL('bcrypt.worker.ts', import.meta.url));
    started.unref();
    started.on('message', ({ id, isSame }: Compared) => {
      waiting.get(id)?.resolve(isSame);
      waiting.delete(id);
    });
    started.on('error', (error) => {
      worker = undefined; // the next question starts another
      for (const { reject } of waiting.values()) reject(error);
      waiting.clear();
    });
    return started;
  };

  const compare: ComparePasswords = (password, hash) => {
    if (waiting.size >= WAITING_MAX)
      return Promise.reject(new Fault('UNAVAILABLE', `${WAITING_MAX} passwords are looked at already`));
    worker ??= start();
    const id = asked++;
    const answer = Promise.withResolvers<boolean>();
    waiting.set(id, answer);
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, no window
    worker.postMessage({ id, password, hash } satisfies Comparison);
    return answer.promise;
  };
  return Object.assign(compare, { [Symbol.dispose]: () => void worker?.terminate() });
}
