import type { Collection } from 'mongodb';
import { isDuplicate } from './failures.ts';

interface Counter {
  readonly _id: string;
  readonly value: number;
}

/**
 * Numbers that rise over all connections: each noun's stands in a document of its own. Calls that are made while an
 * answer is under way share the next one, and get their numbers in the order in which they asked. A number may be left
 * out, when the call that it was for failed; none is given twice, for which a unique index stands in.
 */
export class Counters {
  readonly #collection: Collection<Counter>;
  readonly #nouns = new Map<string, { waiting: ((first: Promise<number>) => void)[]; busy: boolean }>();

  constructor(collection: Collection<Counter>) {
    this.#collection = collection;
  }

  async next(noun: string): Promise<number> {
    const { promise, resolve } = Promise.withResolvers<number>();
    const state = this.#nouns.get(noun) ?? { waiting: [], busy: false };
    this.#nouns.set(noun, state);
    state.waiting.push(resolve);
    if (!state.busy) void this.#serve(noun, state);
    return promise;
  }

  /** Lets the next number be above `value`, where a counter has fallen behind the records that are there. */
  async raise(noun: string, value: number): Promise<void> {
    await this.#collection.updateOne({ _id: noun }, { $max: { value } }, { upsert: true });
  }

  /** Never rejects: a failure belongs to those who asked. */
  async #serve(
    noun: string,
    state: { waiting: ((first: Promise<number>) => void)[]; busy: boolean },
  ): Promise<void> {
    state.busy = true;
    while (state.waiting.length > 0) {
      const served = state.waiting.splice(0);
      const last = this.#add(noun, served.length);
      for (const [at, resolve] of served.entries())
        resolve(last.then((value) => value - served.length + 1 + at));
      await last.catch(() => undefined);
    }
    state.busy = false;
  }

  async #add(noun: string, count: number): Promise<number> {
    for (;;) {
      try {
        const counter = await this.#collection.findOneAndUpdate(
          { _id: noun },
          { $inc: { value: count } },
          { upsert: true, returnDocument: 'after' },
        );
        if (counter !== null) return counter.value;
      } catch (error) {
        if (!isDuplicate(error)) throw error; // another made the document just now
      }
    }
  }
}
