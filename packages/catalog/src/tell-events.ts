import type { Catalog } from './catalog.ts';
import type { OutboxEvent } from './records.ts';

/** The catalog with `onEvents`: what every engine's writes have in common is added here, once. */
export function tellEvents(catalog: Catalog): Catalog {
  const listeners = new Set<(events: readonly OutboxEvent[]) => void>();
  const tell = (events: readonly OutboxEvent[]) => {
    if (events.length > 0) for (const listener of listeners) listener(events);
  };
  const { candidates, promotions, publications, confirmations, tasks } = catalog;
  return {
    ...catalog,
    candidates: {
      ...candidates,
      async put(candidate, events = [], turn) {
        await candidates.put(candidate, events, turn);
        tell(events);
      },
    },
    promotions: {
      ...promotions,
      async create(promotion, events = []) {
        const answer = await promotions.create(promotion, events);
        if (answer.created) tell(events);
        return answer;
      },
      async replace(promotion, events = []) {
        const replaced = await promotions.replace(promotion, events);
        if (replaced !== undefined) tell(events);
        return replaced;
      },
    },
    publications: {
      ...publications,
      async put(publication, events = []) {
        await publications.put(publication, events);
        tell(events);
      },
    },
    confirmations: {
      ...confirmations,
      async put(confirmation, events = []) {
        const isPut = await confirmations.put(confirmation, events);
        if (isPut) tell(events);
        return isPut;
      },
    },
    tasks: {
      ...tasks,
      async replace(task, events = []) {
        const replaced = await tasks.replace(task, events);
        if (replaced !== undefined) tell(events);
        return replaced;
      },
    },
    onEvents(listener) {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    [Symbol.asyncDispose]: () => catalog[Symbol.asyncDispose](),
  };
}
