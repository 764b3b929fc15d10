/**
 * Calls `work` for each item, at most `limit` at a time. The first failure stops taking items and is thrown once what
 * was begun has ended.
 */
export async function forEachParallel<T>(
  items: Iterable<T> | AsyncIterable<T>,
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  let failure: { error: unknown } | undefined;
  let ended = false;
  // An async iterator queues calls of next() itself, so the workers may share one.
  const worker = async () => {
    while (failure === undefined && !ended) {
      try {
        const next = await iterator.next();
        if (next.done === true) ended = true;
        else await work(next.value);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: limit }, worker));
  if (failure !== undefined) {
    await iterator.return?.();
    throw failure.error;
  }
}
