/** Lets one holder a key in at a time, the others in the order in which they came. */
export class OneAtATime {
  readonly #last = new Map<string, Promise<void>>();

  /** Waits for the key's former holders. Call the function that it resolves to once, to let the next one in. */
  async enter(key: string): Promise<() => void> {
    const former = this.#last.get(key);
    const { promise: left, resolve } = Promise.withResolvers<void>();
    this.#last.set(key, left);
    await former;
    return () => {
      if (this.#last.get(key) === left) this.#last.delete(key);
      resolve();
    };
  }
}
