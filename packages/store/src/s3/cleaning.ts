import type { Leftovers } from './leftovers.ts';

/** An upload in which nothing has moved for a day has no writer any more. */
const ABANDONED_MS = 24 * 3600 * 1000;
const EVERY_MS = 6 * 3600 * 1000;

/** Removes what killed processes have left: when a store is opened, and every six hours as long as it is open. */
export class Cleaning implements AsyncDisposable {
  readonly #leftovers: Leftovers;
  readonly #stop = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #underWay: Promise<void>;

  constructor(leftovers: Leftovers) {
    this.#leftovers = leftovers;
    this.#underWay = this.#clean();
    this.#timer = setInterval(() => {
      this.#underWay = this.#underWay.then(() => this.#clean());
    }, EVERY_MS).unref();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#stop.abort();
    await this.#underWay;
  }

  async #clean(): Promise<void> {
    await this.#leftovers.remove(ABANDONED_MS, { signal: this.#stop.signal });
  }
}
