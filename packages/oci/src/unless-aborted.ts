/**
 * What `promise` gives, unless the signal is aborted sooner: then it throws the signal's reason at once, and what becomes
 * of the promise is no matter. For calls that heed a signal late, or not at all: undici, for one, heeds that of a request
 * that waits for a connection only once it has one.
 */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await Promise.race([aborted, promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
