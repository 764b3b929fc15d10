/** What was waited for did not come in time. */
export class TimeIsOver extends Error {
  constructor() {
    super('no answer in time');
    this.name = 'TimeIsOver';
  }
}

/** The promise's outcome, or TimeIsOver at `deadline` (by performance.now()); what comes later is not looked at. */
export async function within<T>(deadline: number, promise: Promise<T>): Promise<T> {
  const { promise: over, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new TimeIsOver()), Math.max(deadline - performance.now(), 0));
  try {
    return await Promise.race([promise, over]);
  } finally {
    clearTimeout(timer);
  }
}
