import { setTimeout as pause } from 'node:timers/promises';

/** After so long a piece of work rests, */
const WORK_MS = 2;
/** for so long. */
const REST_MS = 8;

/**
 * Rests of a long piece of work that shares its process with others: a promotion in between waits for no more than a piece,
 * and most of the time for nothing. Any number of parts of one work share its rests.
 */
export class Rest {
  #workedSince = performance.now();
  #resting: Promise<void> | undefined;

  /** To be asked between pieces of a millisecond or less. */
  async between(): Promise<void> {
    // Whoever comes out of a rest looks again: others that came out with it may have worked by then.
    while (this.#resting !== undefined || performance.now() - this.#workedSince >= WORK_MS) {
      this.#resting ??= this.#rest();
      await this.#resting;
    }
  }

  async #rest(): Promise<void> {
    await pause(REST_MS);
    this.#workedSince = performance.now();
    this.#resting = undefined;
  }
}
