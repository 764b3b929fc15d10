import type { OutboxEvent } from '@gantry/catalog';
import type { Messages } from '@gantry/messages';
import { asFault, type Fault } from '@gantry/oci';
import { toCloudEvent } from './cloud-event.ts';

/** How many wait for the broker's word at once. */
const AT_ONCE = 64;

/**
 * Publishes the first of `events`, begun in their order and side by side as far as no two are of one record: the next one
 * of a record is not begun before the broker has the one before it.
 * @param onUnfit told of an event that the engine refuses as such, now and always: it holds up no other
 * @returns how many of them are with the broker now
 * @throws what the first that failed threw; then all of them are to be published again, or none is missing
 */
export async function publishSome(
  messages: Pick<Messages, 'publish'>,
  events: readonly OutboxEvent[],
  onUnfit: (event: OutboxEvent, fault: Fault) => void,
): Promise<number> {
  const some = events.slice(0, countOfDistinct(events));
  const outcomes = await Promise.allSettled(some.map((event) => messages.publish(toCloudEvent(event))));
  for (const [at, outcome] of outcomes.entries()) {
    if (outcome.status === 'fulfilled') continue;
    const fault = asFault(outcome.reason);
    const event = some[at];
    if (event === undefined || !UNFIT.has(fault.code)) throw fault;
    onUnfit(event, fault);
  }
  return some.length;
}

const UNFIT = new Set<Fault['code']>(['REQUEST_INVALID', 'REQUEST_TOO_LARGE']);

/** How many events there are before one whose record was among them. */
function countOfDistinct(events: readonly OutboxEvent[]): number {
  const records = new Set<string>();
  for (const { record } of events.slice(0, AT_ONCE)) {
    const name = `${record.noun} ${record.key}`;
    if (records.has(name)) break;
    records.add(name);
  }
  return records.size;
}
