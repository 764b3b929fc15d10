/** So many are remembered; the oldest are forgotten first, and would at worst be handled again. */
const REMEMBERED_MAX = 4_000;

/**
 * What became of messages that were not acknowledged yet. When a connection is lost the broker hands them out again,
 * while their handlers still run here: such a message joins the handler instead of being handled twice at once.
 */
export class Sendings<T> {
  readonly #outcomes = new Map<string, Promise<T>>();

  get(sending: string): Promise<T> | undefined {
    return this.#outcomes.get(sending);
  }

  set(sending: string, outcome: Promise<T>): void {
    this.#outcomes.delete(sending);
    this.#outcomes.set(sending, outcome);
    const [oldest] = this.#outcomes.keys();
    if (this.#outcomes.size > REMEMBERED_MAX && oldest !== undefined) this.#outcomes.delete(oldest);
  }

  forget(sending: string): void {
    this.#outcomes.delete(sending);
  }
}
