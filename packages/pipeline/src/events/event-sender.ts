import type { OutboxEvent } from '@gantry/catalog';
import type { Messages } from '@gantry/messages';
import { asFault } from '@gantry/oci';
import type { Flow } from '../context.ts';
import { OutboxSweep } from './outbox-sweep.ts';
import { publishSome } from './publish-in-order.ts';

export interface EventSenderOptions {
  readonly flow: Pick<Flow, 'catalog' | 'log' | 'holder'>;
  readonly messages: Pick<Messages, 'publish'>;
  /** An event older than that is sent by whoever sweeps: its writer may have died. 5 s unless said otherwise. */
  readonly settledMs?: number;
  /** How often it is looked for such events. 3 s unless said otherwise. */
  readonly sweepEveryMs?: number;
}

const SETTLED_MS = 5000;
const SWEEP_EVERY_MS = 3000;
/** Events that were sent are taken out of the outbox together: so many, or those of so long. */
const TAKE_OUT = 500;
const TAKE_OUT_AFTER_MS = 100;
/** The pauses before it is tried again. */
const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 4000;
/** How long others are given to send what must go before our own. */
const OTHERS_MS = 500;
/** How long the end of the process waits for what is on its way. */
const STOP_LIMIT_MS = 5000;

interface OwnEvent {
  readonly event: OutboxEvent;
  readonly toldAtMs: number;
}

/**
 * Sends the events of one process: its own as soon as they are durable, and, in turn with others, those that nobody has
 * sent. A young event is its writer's to send; an older one is of whoever sweeps. All that goes out of here goes one round
 * after the other, and our own only when nothing older is left: so the order holds after a time without a broker, too.
 */
export class EventSender implements AsyncDisposable {
  readonly #flow: EventSenderOptions['flow'];
  readonly #messages: EventSenderOptions['messages'];
  readonly #settledMs: number;
  readonly #sweep: OutboxSweep;
  readonly #listening: Disposable | undefined;
  readonly #ticking: NodeJS.Timeout;
  #own: OwnEvent[] = [];
  /** Sent, and not taken out yet. */
  #sent: OutboxEvent[] = [];
  #takeOutAtMs = Infinity;
  /** Whether older events may be there, which go before our own. */
  #isBehind = true;
  #isSweepDue = true;
  #isRunning = false;
  #running: Promise<void> | undefined;
  #again = false;
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor({ flow, messages, settledMs = SETTLED_MS, sweepEveryMs = SWEEP_EVERY_MS }: EventSenderOptions) {
    this.#flow = flow;
    this.#messages = messages;
    this.#settledMs = settledMs;
    this.#sweep = new OutboxSweep(flow, settledMs);
    this.#listening = flow.catalog.onEvents?.((events) => this.#told(events));
    this.#ticking = setInterval(() => {
      this.#isSweepDue = true;
      this.#wake();
    }, sweepEveryMs);
    this.#wake();
  }

  /** Ends after what is on its way, and after one more try at what is not. What is left then is another's to send. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#listening?.[Symbol.dispose]();
    clearInterval(this.#ticking);
    clearTimeout(this.#timer);
    const { promise: late, resolve: giveUp } = Promise.withResolvers<void>();
    const limit = setTimeout(giveUp, STOP_LIMIT_MS);
    await Promise.race([this.#end(), late]);
    clearTimeout(limit);
  }

  async #end(): Promise<void> {
    try {
      await this.#running;
      this.#dropSettled();
      if (this.#failures === 0 && !this.#isBehind) await this.#sendOwn();
      await this.#takeOut();
    } catch (error) {
      this.#flow.log.warn({ err: asFault(error), waiting: this.#own.length }, 'events.left_to_others');
    }
  }

  #told(events: readonly OutboxEvent[]): void {
    const toldAtMs = performance.now();
    for (const event of events) this.#own.push({ event, toldAtMs });
    if (this.#failures === 0 && !this.#isBehind) this.#wake(); // else it is looked again by the clock
  }

  #wake(): void {
    this.#again = true;
    if (!this.#isRunning) this.#running = this.#run();
  }

  #wakeIn(ms: number): void {
    if (this.#isStopped) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#wake(), ms);
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#again && !this.#isStopped) {
      this.#again = false;
      try {
        await this.#round();
        if (this.#failures > 0) this.#flow.log.info({ after: this.#failures }, 'events.sent_again');
        this.#failures = 0;
      } catch (error) {
        if (this.#failures++ === 0)
          this.#flow.log.warn({ err: asFault(error), waiting: this.#own.length }, 'events.waiting');
        this.#isBehind = true;
        this.#again = false;
        this.#wakeIn(Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (this.#failures - 1)));
        break;
      }
      if (this.#isBehind) this.#wakeIn(OTHERS_MS);
      else if (this.#sent.length > 0) this.#wakeIn(TAKE_OUT_AFTER_MS);
    }
    this.#isRunning = false;
  }

  async #round(): Promise<void> {
    this.#dropSettled();
    if (performance.now() >= this.#takeOutAtMs) await this.#takeOut();
    if (this.#isBehind || this.#isSweepDue) {
      this.#isSweepDue = false;
      await this.#takeOut(); // else they would be sent once more
      this.#isBehind = !(await this.#sweep.run((events) => this.#sendLeft(events)));
    }
    if (!this.#isBehind) await this.#sendOwn();
  }

  /** Leaves to the sweep what has become the sweep's: so what is held here is of the last seconds only. */
  #dropSettled(): void {
    const limit = performance.now() - this.#settledMs;
    const kept = this.#own.filter(({ toldAtMs }) => toldAtMs > limit);
    if (kept.length < this.#own.length) this.#isBehind = true;
    this.#own = kept;
  }

  async #sendOwn(): Promise<void> {
    while (this.#own.length > 0 && !this.#isBehind) {
      const events = this.#own.map(({ event }) => event);
      const count = await this.#publish(events);
      this.#own.splice(0, count);
      this.#sent.push(...events.slice(0, count));
      if (this.#takeOutAtMs === Infinity) this.#takeOutAtMs = performance.now() + TAKE_OUT_AFTER_MS;
      if (this.#sent.length >= TAKE_OUT) await this.#takeOut();
      this.#dropSettled();
    }
    if (this.#isBehind) this.#again = true;
  }

  /** Sends what nobody has sent, a page of it. */
  async #sendLeft(events: readonly OutboxEvent[]): Promise<void> {
    for (let at = 0; at < events.length;) at += await this.#publish(events.slice(at));
    await this.#flow.catalog.outbox.sent(events);
    const ids = new Set(events.map(({ id }) => id));
    this.#own = this.#own.filter(({ event }) => !ids.has(event.id));
  }

  #publish(events: readonly OutboxEvent[]): Promise<number> {
    return publishSome(this.#messages, events, (event, fault) =>
      this.#flow.log.error({ err: fault, event }, 'event.unfit'),
    );
  }

  async #takeOut(): Promise<void> {
    const sent = this.#sent;
    if (sent.length === 0) return;
    await this.#flow.catalog.outbox.sent(sent);
    this.#sent = [];
    this.#takeOutAtMs = Infinity;
  }
}

/** The senders that run, by the catalog whose events they send, and how often each was started. */
const running = new WeakMap<object, { readonly sender: EventSender; users: number }>();

/**
 * Sends the events of a catalog until it is disposed of. Services that share a catalog in one process share a sender:
 * each starts it, and the last one's end is its end.
 */
export function startEventSender(options: EventSenderOptions): AsyncDisposable {
  const { catalog } = options.flow;
  const shared = running.getOrInsertComputed(catalog, () => ({ sender: new EventSender(options), users: 0 }));
  shared.users++;
  let isOver = false;
  return {
    async [Symbol.asyncDispose]() {
      if (isOver) return;
      isOver = true;
      if (--shared.users > 0) return;
      running.delete(catalog);
      await shared.sender[Symbol.asyncDispose]();
    },
  };
}
