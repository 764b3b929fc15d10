import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';

/**
 * Runs several pieces of work as if by turns: each call of what they share waits until it is picked, and nothing else goes
 * on meanwhile. So any order of their steps can be tried, and the same one again.
 */
export class Steps {
  readonly #whose = new AsyncLocalStorage<number>();
  #waiting: { readonly whose: number; readonly resume: () => void }[] = [];
  #underWay = 0;
  #isOver = true;

  /** How many steps were picked. */
  count = 0;

  /**
   * Runs the pieces to their ends.
   * @param pick chooses one of those that wait, each told by the number of its piece
   */
  async run(
    work: readonly (() => Promise<void>)[],
    pick: (waiting: readonly number[]) => number,
  ): Promise<void> {
    this.#isOver = false;
    const left = new Set(work.keys());
    const all = work.map(async (one, whose) => {
      try {
        await this.#whose.run(whose, one);
      } finally {
        left.delete(whose);
      }
    });
    const ended = Promise.all(all);
    ended.catch(() => undefined);
    while (left.size > 0) {
      await this.#settle();
      if (this.#waiting.length > 0) {
        const [next] = this.#waiting.splice(pick(this.#waiting.map(({ whose }) => whose)), 1);
        this.count++;
        next?.resume();
      } else if (left.size > 0) await pause(1); // all of them wait for a time
    }
    this.#isOver = true;
    await ended;
  }

  /** The same object, each of whose methods is a step. */
  over<T extends object>(target: T, isStep: (method: string) => boolean = () => true): T {
    return new Proxy(target, {
      get: (of, name) => {
        const value: unknown = Reflect.get(of, name);
        if (typeof value !== 'function' || typeof name === 'symbol') return value;
        return (...values: unknown[]) => {
          const call = () => (value as (...values: unknown[]) => unknown).apply(of, values);
          return this.#call(call, isStep(name));
        };
      },
    });
  }

  #call(call: () => unknown, isStep: boolean): unknown {
    if (this.#isOver) return call();
    if (!isStep) return this.#counted(call);
    const turn = Promise.withResolvers<void>();
    this.#waiting.push({ whose: this.#whose.getStore() ?? 0, resume: turn.resolve });
    return turn.promise.then(() => this.#counted(call));
  }

  #counted(call: () => unknown): unknown {
    const given = call();
    if (!(given instanceof Promise)) return given;
    this.#underWay++;
    return given.finally(() => this.#underWay--);
  }

  async #settle(): Promise<void> {
    do await nextTurn();
    while (this.#underWay > 0);
    await nextTurn();
  }
}
