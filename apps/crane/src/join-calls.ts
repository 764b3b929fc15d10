/**
 * Makes a call that runs `work`, one run at a time. A call during a run is answered by the next run, which many calls
 * may share: so each call sees a run that began after it.
 */
export function joinCalls(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> = Promise.resolve();
  let queued: Promise<void> | undefined;
  return () => {
    queued ??= running
      .catch(() => undefined)
      .then(() => {
        queued = undefined;
        running = work();
        return running;
      });
    return queued;
  };
}
