import { asFault, type Fault } from '@gantry/oci';
import type { S3Client } from './client.ts';
import type { CallOptions } from './session.ts';

type LeftoversClient = Pick<S3Client, 'removeAbandonedUploads' | 'removeOldProbes'>;

/**
 * What killed processes have left in a bucket, where its parts cost as objects do. Removing it is never in the way of
 * anything: a failure, for instance as the key lacks the right to list uploads, is told, but not again before all has
 * worked once.
 */
export class Leftovers {
  readonly #client: LeftoversClient;
  readonly #start: string;
  readonly #onTrouble: (fault: Fault) => void;
  #isTold = false;

  /** @param start of the paths whose uploads are looked at */
  constructor(client: LeftoversClient, start: string, onTrouble: (fault: Fault) => void) {
    this.#client = client;
    this.#start = start;
    this.#onTrouble = onTrouble;
  }

  /** Removes what is so old, by the server's clock. Each kind whatever becomes of the other: a key may lack one right alone. */
  async remove(ageMs: number, options: CallOptions = {}): Promise<void> {
    const kinds = [
      () => this.#client.removeAbandonedUploads(this.#start, ageMs, options),
      () => this.#client.removeOldProbes(ageMs, options),
    ];
    let works = true;
    for (const remove of kinds) {
      try {
        await remove();
      } catch (error) {
        works = false;
        if (options.signal?.aborted !== true) this.#tell(error);
      }
    }
    if (works) this.#isTold = false;
  }

  #tell(error: unknown): void {
    if (this.#isTold) return;
    this.#isTold = true;
    this.#onTrouble(asFault(error));
  }
}
