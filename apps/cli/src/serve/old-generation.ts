import { setFlagsFromString } from 'node:v8';

/**
 * V8 collects a heap when it has grown by a fifth, where it would let one of this size double. What a crane keeps hardly changes;
 * what comes on top is rubbish of requests that had to wait, and the buffers outside of the heap that it holds.
 */
export const OLD_GENERATION = '--heap-growing-percent=20';

/** Has V8 collect as `OLD_GENERATION` says, in a process that runs already. */
export function boundOldGeneration(): void {
  setFlagsFromString(OLD_GENERATION);
}
