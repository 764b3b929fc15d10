import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** What wrk found out in one run. */
export interface Load {
  readonly answers: number;
  /** Of these the ones that were neither what was asked for nor a redirect. */
  readonly errors: number;
  /** Answers a second. */
  readonly rate: number;
  readonly p99Ms: number;
  /** The server's own CPU time for one answer, user and system. Unlike the rate it hardly follows what else the machine does. */
  readonly cpuUs: number;
}

const SCRIPT = fileURLToPath(new URL('walk-paths.lua', import.meta.url));

/**
 * Asks a server at 127.0.0.1 for the paths of a file, one after the other, by wrk with one thread, as fast as it answers.
 * @throws Error when an answer was lost
 */
export async function load(
  { port, pid }: { readonly port: number; readonly pid: number },
  paths: string,
  seconds: number,
  connections = 32,
): Promise<Load> {
  const before = await cpuSeconds(pid);
  const { stdout } = await promisify(execFile)('wrk', [
    '-t1',
    `-c${connections}`,
    `-d${seconds}s`,
    '--latency',
    '-s',
    SCRIPT,
    `http://127.0.0.1:${port}`,
    '--',
    paths,
  ]);
  const cpu = (await cpuSeconds(pid)) - before;
  const rate = Number(/Requests\/sec:\s*([\d.]+)/.exec(stdout)?.[1]);
  const answers = Number(/(\d+) requests in/.exec(stdout)?.[1]);
  const errors = Number(/Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1] ?? 0);
  const [, p99, unit = ''] = /99%\s+([\d.]+)(us|ms|s)/.exec(stdout) ?? [];
  if (!(rate > 0) || /Socket errors/.test(stdout)) throw new Error(`wrk says: ${stdout}`);
  return {
    answers,
    errors,
    rate,
    p99Ms: Number(p99) * (MS_OF[unit] ?? Number.NaN),
    cpuUs: (cpu / answers) * 1e6,
  };
}

const MS_OF: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000 };
/** Linux counts CPU time in hundredths of a second for whoever reads it (proc_pid_stat(5)). */
const TICKS_PER_SECOND = 100;

/** CPU time of a process since its start, of all of its threads, or of one. */
export async function cpuSeconds(pid: number, thread?: number): Promise<number> {
  const place = thread === undefined ? '' : `task/${thread}/`;
  const stat = await readFile(`/proc/${pid}/${place}stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}
