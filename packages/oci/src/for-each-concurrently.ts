/**
 * Runs `work` on each item, at most `limit` at once, taking the next item only when there is room: so an endless list is
 * no matter. The first error, of the work or of the list, ends it: nothing more is begun, and it is thrown once what is
 * under way has ended.
 */
export async function forEachConcurrently<T>(
  items: Iterable<T> | AsyncIterable<T>,
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  let failure: { error: unknown } | undefined;
  let isAtEnd = false;
  // An async generator queues calls of next() itself, so the workers may share one.
  const worker = async () => {
    while (failure === undefined && !isAtEnd) {
      try {
        const next = await iterator.next();
        if (next.done === true) isAtEnd = true;
        // Another may have failed while this one was waited for.
        else if (failure === undefined) await work(next.value);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: limit }, worker));
  if (failure === undefined) return;
  try {
    await iterator.return?.();
  } catch {
    // What it says when it is closed would hide why it is.
  }
  throw failure.error;
}
