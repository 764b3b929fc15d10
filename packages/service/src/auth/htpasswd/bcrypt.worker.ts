import { parentPort } from 'node:worker_threads';
import { compareSync } from 'bcryptjs';

/** What is asked of the thread. */
export interface Comparison {
  readonly id: number;
  readonly password: string;
  readonly hash: string;
}

/** What it answers. */
export interface Compared {
  readonly id: number;
  readonly isSame: boolean;
}

parentPort?.on('message', ({ id, password, hash }: Comparison) => {
  const answer: Compared = { id, isSame: compareSync(password, hash) };
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, no window
  parentPort?.postMessage(answer);
});
