/** How long a client that comes back for the same object is taken to have failed with it: Docker waits 25 s before its last try. */
const RECENT_SECONDS = 30;
const SLOTS = 2 ** 16;
/** So many mirrors are remembered of a client and an object, the latest ones. */
const MIRRORS = 8;

const NONE: readonly number[] = [];

/**
 * Remembers who was sent where for what a few seconds ago: who comes back for it so soon is sent elsewhere. Of fixed
 * size; who falls on another's place takes it, and costs that one no more than a second try at the same mirror.
 */
export class RecentRedirects {
  readonly #keys = new Int32Array(SLOTS);
  readonly #seconds = new Int32Array(SLOTS);
  readonly #counts = new Uint8Array(SLOTS);
  readonly #mirrors = new Uint16Array(SLOTS * MIRRORS);

  /**
   * The mirrors that a client was sent to for an object just before, the latest one last.
   * @param client any 32 bits of the client
   * @param object any 32 bits of the object
   */
  mirrors(client: number, object: number, nowMs: number): readonly number[] {
    const key = keyOf(client, object);
    const slot = slotOf(key);
    const count = this.#countAt(slot, key, secondsOf(nowMs));
    return count === 0 ? NONE : [...this.#mirrors.subarray(slot * MIRRORS, slot * MIRRORS + count)];
  }

  /** Notes a redirect to a mirror. One that the client was at before begins a new round. */
  note(client: number, object: number, mirror: number, nowMs: number): void {
    const key = keyOf(client, object);
    const slot = slotOf(key);
    const from = slot * MIRRORS;
    const seconds = secondsOf(nowMs);
    let count = this.#countAt(slot, key, seconds);
    if (count > 0 && this.#mirrors.subarray(from, from + count).includes(mirror)) count = 0;
    if (count === MIRRORS) this.#mirrors.copyWithin(from, from + 1, from + count--);
    this.#mirrors[from + count] = mirror;
    this.#counts[slot] = count + 1;
    this.#keys[slot] = key;
    this.#seconds[slot] = seconds;
  }

  #countAt(slot: number, key: number, seconds: number): number {
    const isKnown = this.#keys[slot] === key && seconds - (this.#seconds[slot] as number) <= RECENT_SECONDS;
    return isKnown ? (this.#counts[slot] as number) : 0;
  }
}

function keyOf(client: number, object: number): number {
  return Math.imul(client ^ Math.imul(object, 0x9e3779b1), 0x85ebca6b) | 0;
}

function slotOf(key: number): number {
  return (key ^ (key >>> 15)) & (SLOTS - 1);
}

function secondsOf(ms: number): number {
  return (ms / 1000) | 0;
}
