import type { CloudEvent, Consumer, Messages } from '@gantry/messages';
import { Fault } from '@gantry/oci';
import type { ServerSentEvent } from './route.ts';

/** How many events wait for a slow reader. */
const WAITING_MAX = 1000;
/** How many read at once. Each holds a socket, and what waits for it. */
const READERS_MAX = 100;

/** Events as they are published, for one reader. */
export interface LiveReader {
  /**
   * All from the opening on, until the signal is aborted.
   * @throws Fault UNAVAILABLE when the reader was too slow for them: it missed some, and is to know
   */
  read(signal: AbortSignal): AsyncIterable<ServerSentEvent>;
}

/** Events as they are published, for all readers of this process: they share one listener, which is there while one reads. */
export interface LiveEvents {
  /**
   * Listens from now on, so that who has the answer's head misses nothing after it.
   * @param types names as `promotion.done`, or all of a noun as `promotion.*`
   * @param end aborted when nobody reads any more
   * @throws Fault UNAVAILABLE when there are as many readers as may be, or nothing can be listened to
   */
  open(types: readonly string[], end: AbortSignal): Promise<LiveReader>;
}

export interface LiveEventsOptions {
  /** How many read at once; 100 if absent. */
  readonly readersMax?: number;
}

/** Those who read by one listener, from its start to its end. */
interface Audience {
  readonly readers: Set<Reader>;
  readonly listener: Promise<Consumer>;
}

/** @param nouns all that can be read, as `Messages.listen` takes it */
export function createLiveEvents(
  messages: Pick<Messages, 'listen'>,
  nouns: readonly string[],
  { readersMax = READERS_MAX }: LiveEventsOptions = {},
): LiveEvents {
  let count = 0;
  let current: Audience | undefined;

  const listen = (): Audience => {
    const readers = new Set<Reader>();
    const listener = messages.listen(nouns, (event) => {
      for (const reader of readers) reader.tell(event);
    });
    const audience = { readers, listener };
    // Who comes next tries anew.
    listener.catch(() => {
      if (current === audience) current = undefined;
    });
    return audience;
  };
  const leave = (audience: Audience, reader: Reader) => {
    if (!audience.readers.delete(reader)) return;
    count--;
    if (audience.readers.size > 0) return;
    if (current === audience) current = undefined;
    // Whatever the broker says to that: nobody hears of it any more.
    audience.listener.then((consumer) => consumer[Symbol.asyncDispose]()).then(undefined, () => undefined);
  };

  return {
    async open(types, end) {
      if (count >= readersMax) {
        throw new Fault(
          'UNAVAILABLE',
          `${readersMax} read the events of this server already, and more may not: try again later, or bind a queue to the message exchange`,
          { readersMax },
        );
      }
      const audience = (current ??= listen());
      const reader = new Reader(types);
      audience.readers.add(reader);
      count++;
      const gone = () => leave(audience, reader);
      if (end.aborted) gone();
      else end.addEventListener('abort', gone, { once: true });
      try {
        await audience.listener;
      } catch (error) {
        gone();
        throw error;
      }
      return reader;
    },
  };
}

/** What waits for one reader. */
class Reader implements LiveReader {
  readonly #types: ReadonlySet<string>;
  #waiting: CloudEvent[] = [];
  #isTooSlow = false;
  #wake: (() => void) | undefined;

  constructor(types: readonly string[]) {
    this.#types = new Set(types);
  }

  tell(event: CloudEvent): void {
    if (!this.#types.has(event.type) && !this.#types.has(nounOf(event.type))) return;
    this.#isTooSlow ||= this.#waiting.length >= WAITING_MAX;
    if (!this.#isTooSlow) this.#waiting.push(event);
    this.#wake?.();
  }

  async *read(signal: AbortSignal): AsyncGenerator<ServerSentEvent> {
    signal.addEventListener('abort', () => this.#wake?.(), { once: true });
    while (!signal.aborted) {
      const event = this.#waiting.shift();
      if (event !== undefined) yield { id: event.id, data: event };
      else if (this.#isTooSlow)
        throw new Fault('UNAVAILABLE', `more than ${WAITING_MAX} events wait for this reader`);
      else {
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#wake = resolve;
        await promise;
      }
    }
  }
}

/** `promotion.*` of `promotion.done`; of a type of other than two words nothing that can be asked for. */
function nounOf(type: string): string {
  const [noun, ...more] = type.split('.');
  return more.length === 1 ? `${noun}.*` : '';
}
