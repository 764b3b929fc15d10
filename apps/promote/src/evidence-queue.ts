import { type Digest, forEachConcurrently } from '@gantry/oci';
import { type Flow, waitingFor } from '@gantry/pipeline';

const PROMOTIONS_AT_ONCE = 8;

/**
 * Has the gates asked again that wait for evidence. What comes while a look is under way is looked for together by the next
 * one: so a flood of results costs no more than one look after the other.
 */
export class EvidenceQueue {
  readonly #flow: Flow;
  readonly #run: (promotion: string) => Promise<void>;
  #digests = new Set<Digest>();
  #looking: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  /** @param run takes a promotion as far as it goes */
  constructor(flow: Flow, run: (promotion: string) => Promise<void>) {
    this.#flow = flow;
    this.#run = run;
  }

  /** Resolves when each promotion that evidence of this digest may be for has been looked at. */
  add(digest: Digest): Promise<void> {
    this.#digests.add(digest);
    this.#next ??= this.#looking
      .catch(() => undefined)
      .then(() => {
        const digests = this.#digests;
        this.#digests = new Set();
        this.#next = undefined;
        this.#looking = this.#look(digests);
        return this.#looking;
      });
    return this.#next;
  }

  async #look(digests: ReadonlySet<Digest>): Promise<void> {
    const promotions = await waitingFor(this.#flow, digests);
    await forEachConcurrently(promotions, PROMOTIONS_AT_ONCE, ({ id }) => this.#run(id));
  }
}
