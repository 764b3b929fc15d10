/** Room for some work at once; what comes when it is full waits for its turn. */
export class Room {
  readonly #waiting = new Set<() => void>();
  #free: number;

  /** @param size how much runs at once */
  constructor(size: number) {
    this.#free = size;
  }

  /** How much waits for its turn. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Runs the work when there is room, and gives what it gives.
   * @param signal ends the waiting: it throws the signal's reason then. Work that has begun has to look itself
   */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    if (this.#free > 0) this.#free--;
    else await this.#turn(signal);
    try {
      return await work();
    } finally {
      const [next] = this.#waiting;
      if (next === undefined) this.#free++;
      else next();
    }
  }

  async #turn(signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const enter = () => {
      this.#waiting.delete(enter);
      signal?.removeEventListener('abort', leave);
      resolve();
    };
    const leave = () => {
      this.#waiting.delete(enter);
      reject(signal?.reason);
    };
    this.#waiting.add(enter);
    signal?.addEventListener('abort', leave, { once: true });
    await promise;
  }
}

/**
 * One run a key at a time: whoever asks for a key that is under way waits for that run. If it fails, each waiter tries
 * for itself, as its own source may do better.
 */
export class SingleFlight<K> {
  readonly #underWay = new Map<K, Promise<void>>();

  async run(key: K, work: () => Promise<void>): Promise<void> {
    for (;;) {
      const other = this.#underWay.get(key);
      if (other === undefined) break;
      try {
        return await other;
      } catch {
        // Ours to try, unless a third was faster.
      }
    }
    const mine = work().finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, mine);
    await mine;
  }
}
