import type { Digest } from '@gantry/oci';

const REMEMBERED_MAX = 50_000;

/**
 * When images were made that a rule on age has left: so that the next sync need not fetch their configs again. A digest's
 * answer never changes, so what is forgotten is only asked for once more.
 */
export class CreatedTimes {
  readonly #known = new Map<Digest, Promise<string | undefined>>();

  get(digest: Digest, read: () => Promise<string | undefined>): Promise<string | undefined> {
    const known = this.#known.get(digest);
    if (known !== undefined) return known;
    if (this.#known.size >= REMEMBERED_MAX) this.#known.clear();
    const asked = read();
    this.#known.set(digest, asked);
    asked.catch(() => this.#known.delete(digest));
    return asked;
  }
}
