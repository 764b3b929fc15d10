/** When work that hangs stops to count. */
export interface Patience {
  /** What takes longer than this is slow, and gives its place to the next in line. */
  readonly patienceMs: number;
  /** How much that is slow may be under way beside the rest. */
  readonly slowLimit: number;
}

/** Makes a way to run work of which at most `limit` is under way at once, and more only of what is slow; the rest waits in line. */
export function fewAtATime(limit: number, patience?: Patience): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let running = 0;
  let slow = 0;
  /** Who is next takes the place over, so that nobody comes in between. */
  const passOn = () => {
    const next = waiting.shift();
    if (next === undefined) running--;
    else next();
  };
  return async (work) => {
    if (running < limit) running++;
    else await new Promise<void>((resolve) => void waiting.push(resolve));
    let isSlow = false;
    const timer =
      patience &&
      setTimeout(() => {
        if (slow >= patience.slowLimit) return;
        slow++;
        isSlow = true;
        passOn();
      }, patience.patienceMs);
    try {
      return await work();
    } finally {
      clearTimeout(timer);
      if (isSlow) slow--;
      else passOn();
    }
  };
}
