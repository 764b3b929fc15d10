import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../../test/servers/free-port.ts';
import { GANTRY_BIN } from '../../test/servers/gantry.ts';
import { type ServerProcess, startProcess } from '../../test/servers/process.ts';
import { writeCraneTree } from './crane-tree.ts';
import { median, type Result } from './results.ts';
import { cpuSeconds, load } from './wrk.ts';

const ROUNDS = 5;
const SECONDS = 4;
const REPOSITORIES = 10_000;
const TAGS = 20;
const CONNECTIONS = 64;

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
    for (const [port, { pid }] of [
      [onePort, one],
      [twoPort, two],
    ] as const)
      await load({ port, pid }, paths, 10, CONNECTIONS); // each document is read once
    for (let round = 0; round < ROUNDS; round++) {
      alone.push(await measure(onePort, paths, [one.pid]));
      shared.push(await measure(twoPort, paths, [two.pid, ...workers]));
    }
    const costOne = median(alone.map(({ usedSeconds, requests }) => sum(usedSeconds) / requests));
    const costTwo = median(shared.map(({ usedSeconds, requests }) => sum(usedSeconds) / requests));
    const busier = median(shared.map(({ usedSeconds }) => Math.max(...usedSeconds) / sum(usedSeconds)));
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
  /** CPU time of each process. */
  readonly usedSeconds: readonly number[];
}

async function measure(port: number, paths: string, pids: readonly [number, ...number[]]): Promise<Measured> {
  const used = () => Promise.all(pids.map((pid) => cpuSeconds(pid)));
  const before = await used();
  const { answers } = await load({ port, pid: pids[0] }, paths, SECONDS, CONNECTIONS);
  const after = await used();
  return { requests: answers, usedSeconds: after.map((seconds, index) => seconds - (before[index] ?? 0)) };
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

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
