/** How long a client that comes back for the same object is taken to have failed with it. */
const RECENT_SECONDS = 10;
const SLOTS = 2 ** 16;

/**
 * Remembers who was sent somewhere for what a few seconds ago: who comes back for it so soon is sent elsewhere. Of fixed
 * size; who falls on another's place takes it, and costs that one no more than a second try at the same mirror.
 */
export class RecentRedirects {
  readonly #keys = new Int32Array(SLOTS);
  readonly #seconds = new Int32Array(SLOTS);
  readonly #times = new Uint8Array(SLOTS);

  /**
   * Notes a redirect.
   * @param client any 32 bits of the client
   * @param object any 32 bits of the object
   * @returns how often this client was redirected for this object just before
   */
  note(client: number, object: number, nowMs: number): number {
    const key = Math.imul(client ^ Math.imul(object, 0x9e3779b1), 0x85ebca6b) | 0;
    const slot = (key ^ (key >>> 15)) & (SLOTS - 1);
    const seconds = (nowMs / 1000) | 0;
    const isKnown = this.#keys[slot] === key && seconds - (this.#seconds[slot] as number) <= RECENT_SECONDS;
    const before = isKnown ? (this.#times[slot] as number) : 0;
    this.#keys[slot] = key;
    this.#seconds[slot] = seconds;
    this.#times[slot] = Math.min(before + 1, 255);
    return before;
  }
}
