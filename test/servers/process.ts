import { type ChildProcess, spawn } from 'node:child_process';
import { until } from './until.ts';

/** How many bytes of a server's output are kept, from the end. */
const LOG_MAX_BYTES = 1024 * 1024;
/** How many lines of each server's output a failure shows. */
const LOG_SHOWN_LINES = 25;
/** How long a server has to end after SIGTERM, before it is killed. */
const STOP_WITHIN_MS = 40_000;

/** How a process ended: its exit code, or the signal that ended it. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A server of the tests: one process, its output kept. Disposing of it stops it, and nothing else. */
export interface ServerProcess extends AsyncDisposable {
  readonly name: string;
  readonly pid: number;
  /** What it wrote to stdout and stderr, together. */
  log(): string;
  /** Resolves when it has ended, whichever way. */
  readonly ended: Promise<Exit>;
  /** Sends a signal and waits for the end. */
  kill(signal: NodeJS.Signals): Promise<Exit>;
  /** SIGTERM, and SIGKILL if that doesn't end it in time. */
  stop(): Promise<Exit>;
}

export interface ServerProcessOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment; absent: that of the tests. */
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Looks whether the server answers, or what it has said; a look that throws means "not yet". */
  readonly ready: (log: string) => Promise<boolean>;
  readonly readyWithinMs?: number;
  /** In a process group of its own, to which `kill` and `stop` send their signal: as Ctrl-C in a terminal does. */
  readonly group?: boolean;
}

/** Starts a server and waits until it is ready. If it ends before, or is late, the error shows its output. */
export async function startProcess(options: ServerProcessOptions): Promise<ServerProcess> {
  const started = launch(options);
  const gaveUp = new AbortController();
  const died = started.ended.then(({ code, signal }) => {
    gaveUp.abort();
    throw new Error(`${options.name} ended by itself (${signal ?? `exit ${code}`})`);
  });
  const { readyWithinMs = 90_000 } = options;
  const ready = until(`${options.name} to be ready`, () => options.ready(started.log()), {
    withinMs: readyWithinMs,
    signal: gaveUp.signal,
  });
  try {
    await Promise.race([ready, died]);
  } catch (error) {
    await started.stop();
    throw withLogs(error, [started]);
  } finally {
    died.catch(() => undefined); // an end later on is told by `ended`
    ready.catch(() => undefined);
  }
  return started;
}

/**
 * The error, with the last lines of each server's log below its message.
 * @param where stands before the message
 */
export function withLogs(
  error: unknown,
  servers: readonly (Pick<ServerProcess, 'name' | 'log'> | undefined)[], // one that never started is undefined
  where?: string,
): Error {
  const told = error instanceof Error ? error : new Error(String(error));
  const started = servers.filter((server) => server !== undefined);
  const logs = started.map(
    (server) =>
      `--- ${server.name}: the end of its log\n${server.log().trimEnd().split('\n').slice(-LOG_SHOWN_LINES).join('\n')}`,
  );
  const message = [...(where === undefined ? [] : [where]), told.message, ...logs].join('\n');
  return Object.assign(new Error(message, { cause: told.cause }), {
    stack: `${message}\n${
      told.stack
        ?.split('\n')
        .filter((line) => line.startsWith('    at '))
        .join('\n') ?? ''
    }`,
  });
}

function launch({ name, command, args, env, cwd, group = false }: ServerProcessOptions): ServerProcess {
  const child = spawn(command, args, {
    env: env ?? process.env,
    cwd,
    detached: group,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = keepOutput(child);
  const ended = new Promise<Exit>((resolve) => {
    child.once('error', (error) => {
      output.add(`${command} could not be started: ${error.message}\n`);
      resolve({ code: 127, signal: null });
    });
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  const send = (signal: NodeJS.Signals) => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    if (group) process.kill(-child.pid, signal);
    else child.kill(signal);
  };
  // Whoever ends the test run must not leave its servers behind.
  const endWithUs = () => send('SIGKILL');
  process.once('exit', endWithUs);
  void ended.then(() => process.off('exit', endWithUs));

  const stop = async () => {
    send('SIGTERM');
    const timer = setTimeout(() => {
      output.add(`(still there ${STOP_WITHIN_MS} ms after SIGTERM: killed)\n`);
      send('SIGKILL');
    }, STOP_WITHIN_MS);
    try {
      return await ended;
    } finally {
      clearTimeout(timer);
    }
  };
  return {
    name,
    get pid() {
      // Never a number that stands for other processes, as -1 does for all.
      if (child.pid === undefined) throw new Error(`${name} could not be started, and has no process`);
      return child.pid;
    },
    log: output.text,
    ended,
    kill: (signal) => {
      send(signal);
      return ended;
    },
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop();
    },
  };
}

/** Collects stdout and stderr in the order they come, the oldest dropped when it is too much. */
function keepOutput(child: ChildProcess): { text: () => string; add: (text: string) => void } {
  let kept = '';
  const add = (text: string) => {
    kept = (kept + text).slice(-LOG_MAX_BYTES);
  };
  child.stdout?.setEncoding('utf8').on('data', add);
  child.stderr?.setEncoding('utf8').on('data', add);
  return { text: () => kept, add };
}
