import type { CloudEvent, ListenOptions } from '../messages.ts';
import { matchesTopic } from '../topic.ts';

interface Listener extends ListenOptions {
  readonly types: readonly string[];
  readonly handle: (event: CloudEvent) => void;
}

/** Who listens to events in this process. */
export class Listeners {
  readonly #listeners = new Set<Listener>();

  /** @returns what ends it */
  add(types: readonly string[], handle: (event: CloudEvent) => void, { onError }: ListenOptions): () => void {
    const listener = { types, handle, ...(onError === undefined ? {} : { onError }) };
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  clear(): void {
    this.#listeners.clear();
  }

  /** Tells each listener once, whichever of its types match; each is given an event of its own, as by a broker. */
  tell(event: CloudEvent): void {
    for (const { types, handle, onError } of this.#listeners) {
      if (!types.some((pattern) => matchesTopic(pattern, event.type))) continue;
      const own = structuredClone(event);
      try {
        handle(own);
      } catch (error) {
        onError?.(error, own);
      }
    }
  }
}
