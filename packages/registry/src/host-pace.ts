import type { Clock } from './clock.ts';
import { type Quota, readQuotas } from './rate-limit.ts';
import { backoffMs, RETRY_AFTER_MAX_MS } from './retry.ts';
import { createTokenBucket, type Rate, type TokenBucket } from './token-bucket.ts';

/** The leave to send one request. It must be ended once the answer's headers are here, or it failed. */
export interface Turn {
  /** How long it had to be waited for. */
  readonly waitedMs: number;
  /** @param answer what the host said; absent when nothing was sent, or no answer came */
  end(answer?: AnswerHead): void;
}

export interface AnswerHead {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** What Retry-After asks for. */
  readonly retryAfterMs: number | undefined;
}

/** With this many answers awaited at once, a host that was slowed down counts as recovered. */
const RECOVERED = 64;
/** An answer that is awaited for so long no longer holds up the next request. */
const STUCK_MS = 5000;

/**
 * The pace that one host can bear. Requests go in the order in which they came: at the configured rate, and not before a
 * pause is over. A 429 or 503 pauses the whole host. What waits then goes out one by one at first, twice as many at once
 * after each good answer, so that a host that is back is not run over by all that has piled up; one that leaves a request
 * hanging is asked again all the same.
 */
export class HostPace {
  readonly #clock: Clock;
  readonly #bucket: TokenBucket | undefined;
  readonly #urgent = new Set<() => void>();
  readonly #waiting = new Set<() => void>();
  /** Requests whose answer is awaited, and how many of them there may be. */
  #underway = 0;
  #underwayMax = Number.POSITIVE_INFINITY;
  #pausedUntilMs = 0;
  /** How often in a row the host had to be slowed down. */
  #slowed = 0;
  /** Tells requests that were sent before the last slow-down from those sent after it. */
  #generation = 0;
  /** The host has said that nothing is left, but not until when, and was paused for it. */
  #isSpent = false;
  #lastStartMs = 0;
  #timer: AbortController | undefined;
  #ringsAtMs = 0;

  constructor(clock: Clock, rate: Rate | undefined) {
    this.#clock = clock;
    this.#bucket = rate === undefined ? undefined : createTokenBucket(rate);
  }

  /** Nothing is waiting, awaited or remembered. */
  get isIdle(): boolean {
    return (
      this.#underway === 0 &&
      this.#waiting.size === 0 &&
      this.#urgent.size === 0 &&
      this.#underwayMax === Number.POSITIVE_INFINITY &&
      this.#delayMs() === 0
    );
  }

  /**
   * Waits until a request may be sent.
   * @param isUrgent before all others: for what others wait for, and for what has waited its time already
   */
  async turn(signal: AbortSignal | undefined, isUrgent: boolean): Promise<Turn> {
    signal?.throwIfAborted();
    const fromMs = this.#clock.now();
    if (!this.#goesAtOnce()) await this.#queue(signal, isUrgent ? this.#urgent : this.#waiting);
    const generation = this.#generation;
    let isOver = false;
    return {
      waitedMs: this.#clock.now() - fromMs,
      end: (answer) => {
        if (isOver) return;
        isOver = true;
        this.#underway--;
        if (answer !== undefined) this.#heed(answer, generation);
        this.#pump();
      },
    };
  }

  #goesAtOnce(): boolean {
    if (this.#urgent.size > 0 || this.#waiting.size > 0) return false;
    if (this.#underway >= this.#underwayMax || this.#delayMs() > 0) return false;
    this.#start();
    return true;
  }

  #start(): void {
    this.#underway++;
    this.#lastStartMs = this.#clock.now();
    this.#bucket?.take(this.#lastStartMs);
  }

  #queue(signal: AbortSignal | undefined, queue: Set<() => void>): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const leave = () => {
        queue.delete(go);
        this.#pump();
        reject(signal?.reason as Error);
      };
      const go = () => {
        signal?.removeEventListener('abort', leave);
        resolve();
      };
      signal?.addEventListener('abort', leave, { once: true });
      queue.add(go);
      this.#pump();
    });
  }

  /** Lets go what may go, and sets a timer for the next. */
  #pump(): void {
    for (;;) {
      const queue = this.#urgent.size > 0 ? this.#urgent : this.#waiting;
      const [go] = queue;
      if (go === undefined) return this.#disarm();
      const stuckMs = this.#lastStartMs + STUCK_MS - this.#clock.now();
      if (this.#underway >= this.#underwayMax && stuckMs > 0) return this.#arm(stuckMs);
      const delayMs = this.#delayMs();
      if (delayMs > 0) return this.#arm(delayMs);
      queue.delete(go);
      this.#start();
      go();
    }
  }

  #delayMs(): number {
    const nowMs = this.#clock.now();
    return Math.max(this.#pausedUntilMs - nowMs, this.#bucket?.delayMs(nowMs) ?? 0, 0);
  }

  #arm(delayMs: number): void {
    const ringsAtMs = this.#clock.now() + delayMs;
    if (this.#timer !== undefined && this.#ringsAtMs <= ringsAtMs) return; // rings early, and is then set again
    this.#disarm();
    this.#ringsAtMs = ringsAtMs;
    const timer = (this.#timer = new AbortController());
    const rung = () => {
      if (this.#timer !== timer) return;
      this.#timer = undefined;
      this.#pump();
    };
    this.#clock.wait(delayMs, timer.signal).then(rung, rung);
  }

  /** Nobody waits: the timer must not keep the process alive. */
  #disarm(): void {
    this.#timer?.abort();
    this.#timer = undefined;
  }

  #heed({ status, headers, retryAfterMs }: AnswerHead, generation: number): void {
    const isSlowedDown = status === 429 || status === 503;
    if (isSlowedDown) this.#slowDown(retryAfterMs, generation);
    else if (generation === this.#generation) this.#recover();
    // "If a response contains both the RateLimit and Retry-After fields, Retry-After takes precedence."
    if (isSlowedDown && retryAfterMs !== undefined) return;
    for (const quota of readQuotas(headers)) this.#keepTo(quota);
  }

  #slowDown(retryAfterMs: number | undefined, generation: number): void {
    this.#underwayMax = 1;
    // Of requests that were sent together and turned away together, one counts.
    if (generation === this.#generation) {
      this.#generation++;
      this.#slowed++;
      if (retryAfterMs === undefined) this.#pause(backoffMs(this.#slowed, this.#clock.random()));
    }
    if (retryAfterMs !== undefined) this.#pause(retryAfterMs);
  }

  #recover(): void {
    this.#slowed = 0;
    this.#underwayMax *= 2;
    if (this.#underwayMax >= RECOVERED) this.#underwayMax = Number.POSITIVE_INFINITY;
  }

  /**
   * Pauses until the reset when no more is left than requests that are underway may take. Without a reset, once when nothing
   * is left: Docker Hub tells its window of hours alone, and goes on to answer HEAD.
   */
  #keepTo({ remaining, resetMs, windowMs }: Quota): void {
    if (resetMs !== undefined) {
      if (remaining <= this.#underway) this.#pause(resetMs);
      return;
    }
    if (remaining === 0 && !this.#isSpent) this.#pause(windowMs ?? RETRY_AFTER_MAX_MS);
    this.#isSpent = remaining === 0;
  }

  #pause(ms: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#clock.now() + Math.min(ms, RETRY_AFTER_MAX_MS));
  }
}
