import type { CloudEvent, Messages } from '@gantry/messages';
import { Fault } from '@gantry/oci';
import type { ServerSentEvent } from './route.ts';

/** How many events wait for a slow reader. */
const WAITING_MAX = 1000;

/** Events as they are published, for one reader. */
export interface LiveEvents {
  /**
   * All from the opening on, until the signal is aborted.
   * @throws Fault UNAVAILABLE when the reader was too slow for them: it missed some, and is to know
   */
  read(signal: AbortSignal): AsyncIterable<ServerSentEvent>;
}

/**
 * Listens from now on, so that who has the answer's head misses nothing after it.
 * @param types as `Messages.listen` takes them
 * @param end aborted when nobody reads any more
 */
export async function openLiveEvents(
  messages: Messages,
  types: readonly string[],
  end: AbortSignal,
): Promise<LiveEvents> {
  const waiting: CloudEvent[] = [];
  let isTooSlow = false;
  let wake: (() => void) | undefined;
  const consumer = await messages.listen(types, (event) => {
    isTooSlow ||= waiting.length >= WAITING_MAX;
    if (!isTooSlow) waiting.push(event);
    wake?.();
  });
  // Whatever the broker says to that: nobody hears of it any more.
  const close = () => void consumer[Symbol.asyncDispose]().then(undefined, () => undefined);
  if (end.aborted) close();
  else end.addEventListener('abort', close, { once: true });
  return {
    async *read(signal) {
      signal.addEventListener('abort', () => wake?.(), { once: true });
      while (!signal.aborted) {
        const event = waiting.shift();
        if (event !== undefined) yield { id: event.id, data: event };
        else if (isTooSlow)
          throw new Fault('UNAVAILABLE', `more than ${WAITING_MAX} events wait for this reader`);
        else {
          const { promise, resolve } = Promise.withResolvers<void>();
          wake = resolve;
          await promise;
        }
      }
    },
  };
}
