import { Fault } from '@gantry/oci';
import type { Catalog } from './catalog.ts';
import type { OutboxEvent, Promotion, Task } from './records.ts';

/**
 * Changes a promotion, whoever else changes it meanwhile: reads it, applies `change`, replaces it, and starts anew when
 * another was faster. `change` may be called several times, so it only computes; undefined leaves the promotion as it is.
 * @param eventsOf the events that follow from a change, stored with it
 * @returns the promotion as it stands afterwards
 * @throws Fault PROMOTION_UNKNOWN
 */
export function updatePromotion(
  catalog: Pick<Catalog, 'promotions'>,
  id: string,
  change: (promotion: Promotion) => Promotion | undefined,
  eventsOf: EventsOf<Promotion> = NO_EVENTS,
): Promise<Promotion> {
  return replaceUntilDone(catalog.promotions, id, change, eventsOf, () => {
    throw new Fault('PROMOTION_UNKNOWN', `there is no promotion ${id}`, { promotion: id });
  });
}

/** Changes a task as `updatePromotion` does a promotion. @throws Fault TASK_UNKNOWN */
export function updateTask(
  catalog: Pick<Catalog, 'tasks'>,
  id: string,
  change: (task: Task) => Task | undefined,
  eventsOf: EventsOf<Task> = NO_EVENTS,
): Promise<Task> {
  return replaceUntilDone(catalog.tasks, id, change, eventsOf, () => {
    throw new Fault('TASK_UNKNOWN', `there is no task ${id}`, { task: id });
  });
}

type EventsOf<T> = (before: T, after: T) => readonly OutboxEvent[];
const NO_EVENTS = () => [];

/** A part of the catalog whose records are guarded by their revision. */
interface Guarded<T> {
  get(id: string): Promise<T | undefined>;
  replace(record: T, events: readonly OutboxEvent[]): Promise<T | undefined>;
}

async function replaceUntilDone<T>(
  records: Guarded<T>,
  id: string,
  change: (record: T) => T | undefined,
  eventsOf: EventsOf<T>,
  unknown: () => never,
): Promise<T> {
  // Without a bound: each race that is lost was won by another, so the work as a whole goes on.
  for (;;) {
    const record = (await records.get(id)) ?? unknown();
    const changed = change(record);
    if (changed === undefined) return record;
    const replaced = await records.replace(changed, eventsOf(record, changed));
    if (replaced !== undefined) return replaced;
  }
}
