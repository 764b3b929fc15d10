import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePorts } from '../../test/servers/free-port.ts';
import { GANTRY_BIN } from '../../test/servers/gantry.ts';
import { type ServerProcess, startProcess } from '../../test/servers/process.ts';
import { writeCraneTree } from './crane-tree.ts';
import { median, type Result } from './results.ts';

const PATHS_SCRIPT = fileURLToPath(new URL('walk-paths.lua', import.meta.url));
const ROUNDS = 5;
const SECONDS = 4;
const REPOSITORIES = 10_000;
const TAGS = 20;
/** The kernel's unit of CPU times in /proc (USER_HZ). */
const TICKS_A_SECOND = 100;

/**
 * How far two workers carry beside one process. The load generator needs a core, too, so on two cores the rates alone would show
 * how little is left for them. So CPU time is measured as well: what a redirect costs in one process, and in two workers with the process
 * that guides them. What they would carry with a core each follows from that; it is worked out, not seen.
 */
export async function benchCraneWorkers(): Promise<Result[]> {
  const root = await mkdtemp(join(tmpdir(), 'gantry-bench-crane-workers-'));
  try {
    const paths = await writeCraneTree(root, REPOSITORIES, TAGS);
    const [onePort = 0, twoPort = 0, twoAdmin = 0] = await freePorts(3);
    await using servers = new AsyncDisposableStack();
    const one = servers.use(await startCrane(root, 'one', onePort, { workers: 1 }));
    const two = servers.use(
      await startCrane(root, 'two', twoPort, { workers: 2, adminListen: `127.0.0.1:${twoAdmin}` }),
    );
    const workers = [...two.log().matchAll(/"workerPid":(\d+),"msg":"worker\.started"/g)].map(([, pid]) =>
      Number(pid),
    );
    const alone: Measured[] = [];
    const shared: Measured[] = [];
    for (const port of [onePort, twoPort]) await load(port, paths, 10); // each document is read once
    for (let round = 0; round < ROUNDS; round++) {
      alone.push(await measure(onePort, paths, [one.pid]));
      shared.push(await measure(twoPort, paths, [...workers, two.pid]));
    }
    const costOne = median(alone.map(({ cpuSeconds, requests }) => sum(cpuSeconds) / requests));
    const costTwo = median(shared.map(({ cpuSeconds, requests }) => sum(cpuSeconds) / requests));
    const busier = median(shared.map(({ cpuSeconds }) => Math.max(...cpuSeconds) / sum(cpuSeconds)));
    const note = `${REPOSITORIES} repositories × ${TAGS} tags, two workers`;
    const rate = (rounds: readonly Measured[]) => median(rounds.map(({ requests }) => requests / SECONDS));
    return [
      {
        name: 'CPU time of a redirect',
        unit: 'µs',
        gantry: costTwo * 1e6,
        peer: 'one process',
        peerValue: costOne * 1e6,
        ratio: costTwo / costOne,
        note: `${note} and the process that guides them`,
      },
      {
        name: 'redirects with a core for each worker, worked out of that',
        unit: '1/s',
        gantry: 2 / costTwo,
        peer: 'one process on one core',
        peerValue: 1 / costOne,
        ratio: (2 * costOne) / costTwo,
        note: `${note}; the busier one had ${Math.round(busier * 100)} % of the CPU time`,
      },
      {
        name: 'redirects, wrk beside them on the same cores',
        unit: '1/s',
        gantry: rate(shared),
        peer: 'one process',
        peerValue: rate(alone),
        ratio: rate(shared) / rate(alone),
        note,
      },
    ];
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

interface Measured {
  readonly requests: number;
  /** Of each process. */
  readonly cpuSeconds: readonly number[];
}

async function measure(port: number, paths: string, pids: readonly number[]): Promise<Measured> {
  const before = await Promise.all(pids.map(cpuSecondsOf));
  const requests = await load(port, paths, SECONDS);
  const after = await Promise.all(pids.map(cpuSecondsOf));
  return { requests, cpuSeconds: after.map((seconds, index) => seconds - (before[index] ?? 0)) };
}

/** User and system time that a process has used (proc(5), `/proc/pid/stat`). */
async function cpuSecondsOf(pid: number): Promise<number> {
  const [, fields = ''] = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ');
  const [user, system] = fields.split(' ').slice(11, 13);
  return (Number(user) + Number(system)) / TICKS_A_SECOND;
}

async function startCrane(tree: string, name: string, port: number, wanted: object): Promise<ServerProcess> {
  const file = join(tree, `${name}.yaml`);
  const crane = {
    listen: `127.0.0.1:${port}`,
    tree,
    manifests: 'redirect',
    mirrors: [{ name: 'mirror', url: 'http://127.0.0.1:9/tree', trusted: true }],
    ...wanted,
  };
  await writeFile(file, JSON.stringify({ crane }));
  return startProcess({
    name: `gantry serve crane, ${name}`,
    command: process.execPath,
    args: [GANTRY_BIN, 'serve', 'crane', '--config', file],
    ready: async (log) => log.includes('Ready.') && (await fetch(`http://127.0.0.1:${port}/v2/`)).ok,
    readyWithinMs: 30_000,
  });
}

/** @returns how many requests were answered */
async function load(port: number, paths: string, seconds: number): Promise<number> {
  const { stdout } = await promisify(execFile)('wrk', [
    '-t1',
    '-c64',
    `-d${seconds}s`,
    '-s',
    PATHS_SCRIPT,
    `http://127.0.0.1:${port}`,
    '--',
    paths,
  ]);
  const requests = Number(/(\d+) requests in/.exec(stdout)?.[1]);
  if (!(requests > 0) || /Socket errors/.test(stdout)) throw new Error(`wrk says: ${stdout}`);
  return requests;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
