import { PROBES } from './access.ts';
import type { S3Client } from './client.ts';

/** An upload in which nothing has moved for a day has no writer any more. */
const ABANDONED_MS = 24 * 3600 * 1000;
const EVERY_MS = 6 * 3600 * 1000;

/**
 * Removes what killed processes have left in a bucket, where its parts cost as objects do: when a store is opened, and
 * every six hours as long as it is open. Never in the way of anything: what fails is tried the next time.
 */
export class Cleaning implements AsyncDisposable {
  readonly #client: S3Client;
  readonly #start: string;
  readonly #stop = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #underWay: Promise<void>;

  /** @param start of the paths whose uploads are looked at */
  constructor(client: S3Client, start: string) {
    this.#client = client;
    this.#start = start;
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
    const { signal } = this.#stop;
    try {
      await this.#client.removeAbandonedUploads(this.#start, ABANDONED_MS, { signal });
      for await (const { path, modifiedAt } of this.#client.list(PROBES, { signal }))
        if (modifiedAt !== undefined && Date.now() - modifiedAt.getTime() > 2 * ABANDONED_MS)
          await this.#client.remove(path, { signal });
    } catch {
      // Tried again in six hours, and by whoever opens the store next.
    }
  }
}
