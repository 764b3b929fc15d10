import { MAX_TIMER_MS } from '@gantry/service';

/** Each wait is that much longer or shorter, so that sources with one interval do not all begin at once. */
const SPREAD = 0.1;

/**
 * Calls again and again, `everyMs` apart on average; not at first. Disposing of it waits for the call under way.
 * @param random from 0 to 1
 */
export function repeat(
  everyMs: number,
  random: () => number,
  call: () => Promise<void>,
  onError: (error: unknown) => void,
): AsyncDisposable {
  let timer: NodeJS.Timeout;
  let calling: Promise<void> | undefined;
  const wait = () => {
    timer = setTimeout(
      () => {
        wait();
        calling = call().catch(onError);
      },
      nextWaitMs(everyMs, random()),
    );
  };
  wait();
  return {
    async [Symbol.asyncDispose]() {
      clearTimeout(timer);
      await calling;
    },
  };
}

/** Looks after something, `everyMs` apart, and not while the look before is still under way. Disposing of it waits for that one. */
export function lookEvery(
  everyMs: number,
  look: () => Promise<void>,
  onError: (error: unknown) => void,
): AsyncDisposable {
  let looking: Promise<void> | undefined;
  const timer = setInterval(() => {
    looking ??= look()
      .catch(onError)
      .finally(() => (looking = undefined));
  }, everyMs);
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await looking;
    },
  };
}

/** @param random from 0 to 1 */
export function nextWaitMs(everyMs: number, random: number): number {
  return Math.min(MAX_TIMER_MS, Math.round(everyMs * (1 - SPREAD + 2 * SPREAD * random)));
}
