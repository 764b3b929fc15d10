import { Fault } from '@gantry/oci';

/** Looks whether something that is needed works. Throws when it does not. */
export type HealthCheck = (signal: AbortSignal) => Promise<void> | void;

export interface HealthReport {
  readonly ok: boolean;
  /** By name: `ok`, or why not. */
  readonly checks: Readonly<Record<string, string>>;
}

/** Whether the process is fit to be called, for `/healthz` and `/readyz`. */
export interface Health {
  /** Adds what readiness depends on. */
  addCheck(name: string, check: HealthCheck): void;
  /** From now on the process is not ready: it is about to end. */
  drain(): void;
  /** Whether the process lives. That it answers is the proof. */
  live(): HealthReport;
  /** Runs the checks, at most once a second, each for 5 s at most. */
  ready(): Promise<HealthReport>;
}

export interface HealthOptions {
  readonly checkLimitMs?: number;
  readonly cacheMs?: number;
}

/** A process's health, with no checks yet: it lives, and is ready unless it drains. */
export function createHealth({ checkLimitMs = 5000, cacheMs = 1000 }: HealthOptions = {}): Health {
  const checks = new Map<string, HealthCheck>();
  let draining = false;
  let last: { at: number; report: Promise<HealthReport> } | undefined;

  async function runAll(): Promise<HealthReport> {
    const results = await Promise.all(
      [...checks].map(async ([name, check]) => [name, await runOne(check, checkLimitMs)] as const),
    );
    return { ok: results.every(([, result]) => result === 'ok'), checks: Object.fromEntries(results) };
  }
  return {
    addCheck(name, check) {
      checks.set(name, check);
      last = undefined;
    },
    drain() {
      draining = true;
    },
    live: () => ({ ok: true, checks: {} }),
    async ready() {
      if (draining) return { ok: false, checks: { process: 'about to end' } };
      const now = performance.now();
      if (last === undefined || now - last.at >= cacheMs) last = { at: now, report: runAll() };
      return last.report;
    },
  };
}

/** `ok`, or why not. What we did not foresee is not told: whoever asks needs no token. */
async function runOne(check: HealthCheck, limitMs: number): Promise<string> {
  const signal = AbortSignal.timeout(limitMs);
  const late = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Fault('UNAVAILABLE', 'no answer in time')), {
      once: true,
    });
  });
  try {
    await Promise.race([Promise.try(check, signal), late]);
    return 'ok';
  } catch (error) {
    return error instanceof Fault ? error.message : 'failed';
  }
}
