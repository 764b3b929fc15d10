/** Who sends signals: `process`, or an event emitter in its place. */
export interface SignalSource {
  on(event: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown;
  off(event: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown;
}

export interface LifecycleOptions {
  /** Told at the first signal, before anything ends: readiness goes to 503 here. */
  readonly onStop?: (signal: NodeJS.Signals) => void;
  /** Told of what failed while it ended. */
  readonly onError?: (error: unknown) => void;
  /** How long an orderly end may take. */
  readonly limitMs?: number;
  readonly signals?: SignalSource;
  /** Ends the process at once; for the second signal. */
  readonly exit?: (code: number) => void;
}

/** Kubernetes kills after 30 s. */
const STOP_LIMIT_MS = 25_000;
/** One Ctrl-C comes twice when a parent, such as npm, passes on what the terminal sends to the whole group. */
const ECHO_MS = 300;
const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * Runs a service until SIGTERM or SIGINT, then ends what it started, the last first. A second signal ends the process
 * at once.
 * @param start puts what it starts onto the stack; its `signal` is aborted when a signal comes before it is through
 * @returns the exit code: 0 after a clean end, 1 when something failed to end or took longer than `limitMs`
 * @throws what `start` throws, after what it had started is ended
 */
export async function runUntilSignal(
  start: (resources: AsyncDisposableStack, signal: AbortSignal) => Promise<void> | void,
  options: LifecycleOptions = {},
): Promise<number> {
  const { limitMs = STOP_LIMIT_MS, signals = process, exit = (code) => process.exit(code) } = options;
  const stopping = new AbortController();
  const stopped = Promise.withResolvers<void>();
  let firstAt: number | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    if (firstAt !== undefined) {
      if (performance.now() - firstAt >= ECHO_MS) exit(SIGNALS[signal as keyof typeof SIGNALS]);
      return;
    }
    firstAt = performance.now();
    options.onStop?.(signal);
    stopping.abort();
    stopped.resolve();
  };
  const names = Object.keys(SIGNALS) as NodeJS.Signals[];
  for (const name of names) signals.on(name, onSignal);
  const resources = new AsyncDisposableStack();
  try {
    const started = startAll(start, resources, stopping.signal);
    await Promise.race([started, stopped.promise]);
    await stopped.promise;
    return await withinLimit(limitMs, options.onError, async () => {
      await started;
      await resources.disposeAsync();
    });
  } finally {
    for (const name of names) signals.off(name, onSignal);
  }
}

/** Starts; when that fails, ends what was started already. */
async function startAll(
  start: (resources: AsyncDisposableStack, signal: AbortSignal) => Promise<void> | void,
  resources: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<void> {
  try {
    await start(resources, signal);
  } catch (error) {
    await resources.disposeAsync();
    if (!signal.aborted) throw error; // what fails because it was told to stop has stopped
  }
}

async function withinLimit(
  limitMs: number,
  onError: ((error: unknown) => void) | undefined,
  end: () => Promise<void>,
): Promise<number> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`not ended after ${limitMs} ms`)), limitMs);
  try {
    await Promise.race([end(), late.promise]);
    return 0;
  } catch (error) {
    onError?.(error);
    return 1;
  } finally {
    clearTimeout(timer);
  }
}
