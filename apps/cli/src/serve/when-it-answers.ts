import { setTimeout as pause } from 'node:timers/promises';
import { asFault, Fault } from '@gantry/oci';
import type { Logger } from '@gantry/service';

/** How long a service waits at its start for all that it needs. */
const WAIT_LIMIT_MS = 60_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 5000;
/** An attempt may take long: a driver looks for its server by itself. After so long it is told of. */
const SILENT_AFTER_MS = 2000;

/** Opens an engine of a section of the configuration, such as `catalog`. What it opens is the caller's to close. */
export type OpenEngine = <T>(section: string, open: () => Promise<T>) => Promise<T>;

/** Opens at once, or not at all: for a command, whose user can repeat it. */
export const openAtOnce: OpenEngine = (_section, open) => open();

export interface WaitOptions {
  /** Aborted when the process is to end. */
  readonly signal: AbortSignal;
  /** For all engines together, from now on. */
  readonly limitMs?: number;
  readonly firstPauseMs?: number;
  readonly silentAfterMs?: number;
}

/**
 * Waits for engines that do not answer yet, as when all is started at once. Each attempt in vain is a line of the log.
 * What waiting does not mend (wrong credentials, no such bucket) is thrown at once.
 * The opener throws Fault UNAVAILABLE when the time is over.
 */
export function whenItAnswers(
  log: Pick<Logger, 'warn' | 'info'>,
  {
    signal,
    limitMs = WAIT_LIMIT_MS,
    firstPauseMs = FIRST_PAUSE_MS,
    silentAfterMs = SILENT_AFTER_MS,
  }: WaitOptions,
): OpenEngine {
  const deadline = performance.now() + limitMs;
  return async (section, open) => {
    let hasTold = false;
    for (let attempt = 1, pauseMs = firstPauseMs; ; attempt++) {
      const tell = (fields: object) => {
        hasTold = true;
        const givingUpInMs = Math.max(0, Math.round(deadline - performance.now()));
        log.warn({ section, attempt, givingUpInMs, ...fields }, 'engine.waiting');
      };
      const silent = setTimeout(() => tell({}), silentAfterMs);
      try {
        const opened = await inTime(open(), deadline, section, signal);
        if (hasTold) log.info({ section, attempt }, 'engine.answers');
        return opened;
      } catch (error) {
        signal.throwIfAborted();
        const fault = asFault(error);
        const leftMs = deadline - performance.now();
        if (fault.code !== 'UNAVAILABLE') throw error;
        if (leftMs <= pauseMs) throw givenUp(section, limitMs, fault);
        tell({ retryInMs: pauseMs, err: fault });
        clearTimeout(silent);
        await pause(pauseMs, undefined, { signal });
        pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
      } finally {
        clearTimeout(silent);
      }
    }
  };
}

/** What comes late is closed again. */
async function inTime<T>(
  opening: Promise<T>,
  deadline: number,
  section: string,
  signal: AbortSignal,
): Promise<T> {
  const over = Promise.withResolvers<never>();
  let isOver = false;
  const end = (reason: unknown) => {
    isOver = true;
    over.reject(reason);
  };
  const onAbort = () => end(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  const timer = setTimeout(
    () => end(new Fault('UNAVAILABLE', `${section} did not answer in time`)),
    Math.max(0, deadline - performance.now()),
  );
  const closeLate = async () => {
    const opened = await opening;
    if (isOver && isDisposable(opened)) await opened[Symbol.asyncDispose]();
  };
  closeLate().catch(() => {}); // told by the race, or too late to matter
  try {
    return await Promise.race([opening, over.promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

function isDisposable(value: unknown): value is AsyncDisposable {
  return typeof value === 'object' && value !== null && Symbol.asyncDispose in value;
}

function givenUp(section: string, limitMs: number, fault: Fault): Fault {
  return new Fault(
    'UNAVAILABLE',
    `gave up after ${Math.round(limitMs / 1000)} s: what is configured as ${section} does not answer: ${fault.message}`,
    { section },
    { cause: fault },
  );
}
