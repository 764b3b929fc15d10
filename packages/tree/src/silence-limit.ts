/** A time limit that begins again with each sign of life. */
export interface SilenceLimit {
  readonly signal: AbortSignal;
  readonly restart: () => void;
  /** Stops the clock, until `restart`. */
  readonly pause: () => void;
}

/** Runs from now on. Aborts after `ms` without `restart`, for the reason `why`, or with `outer`. */
export function silenceLimit(
  ms: number,
  outer: AbortSignal | undefined,
  why = `it was silent for ${ms} ms`,
): SilenceLimit {
  const controller = new AbortController();
  const arm = () => setTimeout(() => controller.abort(new Error(why)), ms);
  let timer = arm();
  return {
    signal: outer === undefined ? controller.signal : AbortSignal.any([controller.signal, outer]),
    restart: () => {
      clearTimeout(timer);
      timer = arm();
    },
    pause: () => clearTimeout(timer),
  };
}
