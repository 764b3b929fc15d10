import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { Agent, request, type RequestOptions } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePorts } from '../../test/servers/free-port.ts';
import { GANTRY_BIN } from '../../test/servers/gantry.ts';
import { type ServerProcess, startProcess } from '../../test/servers/process.ts';
import { prepareNextSerial } from './crane-next-serial.ts';
import { writeCraneTree } from './crane-tree.ts';
import { besideAim, type Result } from './results.ts';
import { load } from './wrk.ts';

const REPOSITORIES = Number(process.env['GANTRY_BENCH_REPOSITORIES'] ?? 100_000);
const TAGS = 20;
const REQUESTS = 1_000_000;
/** A machine that is too busy for all of them asks for no longer than this. */
const LOAD_LIMIT_S = 360;
const STARTS = 5;
const SERIALS = 5;
const READY_AIM_S = 1;
const MEMORY_AIM_MB = 150;
const IN_USE_AIM_S = 0.05;
const REQUEST_AIM_S = 0.02;

/**
 * A crane of a large tree: how soon it is ready, what memory it takes after 1,000,000 requests, most of them for a small
 * part of the repositories, and how a new serial comes into use while others ask.
 */
export async function benchCraneScale(): Promise<Result[]> {
  const root = await mkdtemp(join(tmpdir(), 'gantry-bench-crane-scale-'));
  try {
    const [mirrorPort = 0] = await freePorts(1);
    await using _ = await startMirror(root, mirrorPort);
    const paths = await skew(await writeCraneTree(root, REPOSITORIES, TAGS));
    const starts: number[] = [];
    for (let start = 1; start < STARTS; start++) {
      await using crane = await startCrane(root, mirrorPort);
      starts.push(crane.readyS);
    }
    await using crane = await startCrane(root, mirrorPort);
    starts.push(crane.readyS);
    let answered = 0;
    for (let seconds = 0; answered < REQUESTS && seconds < LOAD_LIMIT_S; seconds += 10)
      answered += (await load(crane, paths, 10)).answers;
    const memoryMb = await residentMb(crane.pid);
    const [inUse, slowest] = await followSerials(root, crane.port, paths);
    const note = `${REPOSITORIES} repositories × ${TAGS} tags`;
    return [
      besideAim('crane, ready', starts, READY_AIM_S),
      {
        name: `crane, memory after ${answered} requests`,
        unit: 'MB',
        gantry: memoryMb,
        peer: 'the aim',
        peerValue: MEMORY_AIM_MB,
        ratio: memoryMb / MEMORY_AIM_MB,
      },
      besideAim('crane, a new serial in use', inUse, IN_USE_AIM_S),
      besideAim('crane, the slowest request meanwhile', slowest, REQUEST_AIM_S),
    ].map((result) => ({ ...result, note: [note, result.note].filter(Boolean).join('; ') }));
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

/**
 * Leaves out two of three paths of most repositories, so that half of the paths are of a quarter of them. None comes twice: a crane
 * takes who asks again within ten seconds for a client that has failed.
 * @returns their file
 */
async function skew(file: string): Promise<string> {
  const paths = (await readFile(file, 'utf8')).trimEnd().split('\n');
  const skewed = paths.filter((path, at) => isOften(path) || at % 3 === 0);
  await writeFile(`${file}.skewed`, `${skewed.join('\n')}\n`);
  return `${file}.skewed`;
}

function isOften(path: string): boolean {
  return Number(/project-(\d+)/.exec(path)?.[1]) < REPOSITORIES / 4;
}

/** Serves the tree as a mirror that has all: without one a crane is not ready before it has waited for one in vain. */
export async function startMirror(root: string, port: number): Promise<ServerProcess> {
  const file = join(root, 'nginx.conf');
  await writeFile(
    file,
    `daemon off; master_process off; pid ${root}/nginx.pid; error_log stderr error; user root;
     events {} http { access_log off; server { listen 127.0.0.1:${port}; root ${root}; } }`,
  );
  return startProcess({
    name: 'nginx',
    command: 'nginx',
    args: ['-c', file, '-p', root],
    ready: async () => (await fetch(`http://127.0.0.1:${port}/`)).status > 0,
  });
}

interface BenchedCrane extends AsyncDisposable {
  readonly port: number;
  readonly pid: number;
  /** From the start of the process until it is ready. */
  readonly readyS: number;
}

async function startCrane(tree: string, mirrorPort: number): Promise<BenchedCrane> {
  const [port = 0, adminPort = 0] = await freePorts(2);
  const file = join(tree, 'crane.yaml');
  const crane = {
    listen: `127.0.0.1:${port}`,
    adminListen: `127.0.0.1:${adminPort}`,
    accessLog: join(tree, 'crane-access.log'),
    tree,
    manifests: 'redirect',
    mirrors: [{ name: 'mirror', url: `http://127.0.0.1:${mirrorPort}`, trusted: true }],
  };
  await writeFile(file, JSON.stringify({ crane }));
  const began = performance.now();
  const started: ServerProcess = await startProcess({
    name: 'gantry serve crane',
    command: process.execPath,
    args: [GANTRY_BIN, 'serve', 'crane', '--config', file],
    env: { ...process.env, GANTRY_LOG_LEVEL: 'fatal' },
    ready: async () => (await fetch(`http://127.0.0.1:${adminPort}/readyz`)).ok,
    readyWithinMs: 60_000,
  });
  const readyS = (performance.now() - began) / 1000;
  return { port, pid: started.pid, readyS, [Symbol.asyncDispose]: () => started[Symbol.asyncDispose]() };
}

/** Resident memory (proc_pid_status(5)), in millions of bytes. */
async function residentMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return (Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1]) * 1024) / 1e6;
}

/**
 * Publishes one serial after the other.
 * @returns for each, how long after its pointer moved it was in use, and how long the slowest of the other requests took
 * from a second before until a second after
 */
async function followSerials(tree: string, port: number, paths: string): Promise<[number[], number[]]> {
  const targets = (await readFile(paths, 'utf8')).trimEnd().split('\n').slice(0, 10_000);
  const name = 'team0/project-0/image';
  const tags = `/v2/${name}/tags/list`;
  const agent = new Agent({ keepAlive: true });
  const ask = (method: string, path: string) => headersOf({ method, path, port, host: '127.0.0.1', agent });
  // So that each repository is known, and none of the objects was asked for.
  for (const target of targets) await ask('GET', target.replace(/(manifests|blobs)\/.*/, 'tags/list'));
  const [inUse, slowest]: [number[], number[]] = [[], []];
  const next = targets.values();
  for (let round = 0; round < SERIALS; round++) {
    const serial = await prepareNextSerial(tree, name, `next-${round}`);
    const { 'content-length': before } = await ask('HEAD', tags);
    const others = askOn((path) => ask('GET', path), next);
    await pause(1000);
    const began = performance.now();
    await serial.publish();
    while ((await ask('HEAD', tags))['content-length'] === before) await pause(1);
    inUse.push((performance.now() - began) / 1000);
    await pause(1000);
    slowest.push(await others.end());
  }
  agent.destroy();
  return [inUse, slowest];
}

/** Asks for one path after the other, a few hundred a second, until it is ended; then tells how long the slowest answer took, in seconds. */
function askOn(ask: (path: string) => Promise<unknown>, paths: Iterator<string>) {
  const ending = new AbortController();
  const run = async () => {
    let slowestMs = 0;
    while (!ending.signal.aborted) {
      const next = paths.next();
      if (next.done === true) break;
      const began = performance.now();
      await ask(next.value);
      slowestMs = Math.max(slowestMs, performance.now() - began);
      await pause(2);
    }
    return slowestMs / 1000;
  };
  const running = run();
  return {
    end() {
      ending.abort();
      return running;
    },
  };
}

function headersOf(options: RequestOptions): Promise<NodeJS.Dict<string | string[]>> {
  const { promise, resolve, reject } = Promise.withResolvers<NodeJS.Dict<string | string[]>>();
  request(options, (response) => {
    response.resume().once('end', () => resolve(response.headers));
  })
    .once('error', reject)
    .end();
  return promise;
}
