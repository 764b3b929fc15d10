import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePorts } from '../../test/servers/free-port.ts';
import { GANTRY_BIN } from '../../test/servers/gantry.ts';
import { startProcess } from '../../test/servers/process.ts';
import { writeCraneTree } from './crane-tree.ts';
import { median, type Result } from './results.ts';
import { type Load, load } from './wrk.ts';

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const ROUNDS = Number(process.env['GANTRY_BENCH_ROUNDS'] ?? 5);
const ROUND_SECONDS = 5;
const REPOSITORIES = 10_000;
const TAGS = 20;

/**
 * Redirects of one crane process, of a bare node:http server that redirects without looking, and of one nginx process's
 * `return 302`, in turn. The crane has its metrics and its access log on, nginx its access log, with a buffer as the
 * crane's; the bare server has neither.
 */
export async function benchCrane(): Promise<Result[]> {
  const root = await mkdtemp(join(tmpdir(), 'gantry-bench-crane-'));
  try {
    const paths = await writeCraneTree(root, REPOSITORIES, TAGS);
    const [cranePort = 0, adminPort = 0, barePort = 0, nginxPort = 0, mirrorPort = 0] = await freePorts(5);
    await using stack = new AsyncDisposableStack();
    const nginx = stack.use(await startNginx(root, nginxPort, mirrorPort));
    const crane = stack.use(await startCrane(root, cranePort, adminPort, mirrorPort));
    const bare = stack.use(
      await startProcess({
        name: 'bare',
        command: process.execPath,
        args: [here('bare-redirect.js'), String(barePort)],
        ready: async (log) => log.includes('ready'),
      }),
    );
    const servers = {
      crane: { port: cranePort, pid: crane.pid },
      bare: { port: barePort, pid: bare.pid },
      nginx: { port: nginxPort, pid: nginx.pid },
    };
    const loads = { crane: [] as Load[], bare: [] as Load[], nginx: [] as Load[] };
    await load(servers.crane, paths, 2 * ROUND_SECONDS); // each document is read once: a crane that has run for a while
    for (let round = 0; round < ROUNDS; round++) {
      for (const name of ['crane', 'bare', 'nginx'] as const) {
        const measured = await load(servers[name], paths, ROUND_SECONDS);
        // The tree has no objects, so a client that has come back, by the crane's judgement, gets an error: few do.
        if (measured.errors > measured.answers / 100)
          throw new Error(`${measured.errors} of ${measured.answers} answers of ${name} were errors`);
        loads[name].push(measured);
      }
    }
    return [
      ...beside(loads.crane, 'node:http', loads.bare),
      ...beside(loads.crane, 'nginx return 302', loads.nginx),
    ];
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

const FIGURES = [
  { name: 'redirects', unit: '1/s', of: ({ rate }: Load) => rate },
  { name: 'redirects, 99th percentile', unit: 'ms', of: ({ p99Ms }: Load) => p99Ms },
  { name: 'redirects, CPU time of one', unit: 'µs', of: ({ cpuUs }: Load) => cpuUs },
];

/** Medians over the rounds; the ratio is the median of each round's own. */
function beside(crane: readonly Load[], peer: string, peers: readonly Load[]): Result[] {
  return FIGURES.map(({ name, unit, of }) => {
    const ratios = crane.map((one, round) => of(one) / of(peers[round] as Load));
    return {
      name,
      unit,
      gantry: median(crane.map(of)),
      peer,
      peerValue: median(peers.map(of)),
      ratio: median(ratios),
      note: `${REPOSITORIES} repositories × ${TAGS} tags; each round: ${ratios.map((ratio) => ratio.toFixed(2)).join(', ')}`,
    };
  });
}

async function startCrane(tree: string, port: number, adminPort: number, mirrorPort: number) {
  const file = join(tree, 'crane.yaml');
  const crane = {
    listen: `127.0.0.1:${port}`,
    adminListen: `127.0.0.1:${adminPort}`,
    accessLog: join(tree, 'crane-access.log'),
    tree,
    manifests: 'redirect',
    mirrors: [{ name: 'mirror', url: `http://127.0.0.1:${mirrorPort}/`, trusted: true }],
  };
  await writeFile(file, JSON.stringify({ crane }));
  return startProcess({
    name: 'gantry serve crane',
    command: process.execPath,
    args: [GANTRY_BIN, 'serve', 'crane', '--config', file],
    env: { ...process.env, GANTRY_LOG_LEVEL: 'fatal' },
    ready: async () => (await fetch(`http://127.0.0.1:${port}/v2/`)).ok,
    readyWithinMs: 30_000,
  });
}

/** Redirects at one port, and is the mirror that the crane probes at another. */
async function startNginx(folder: string, port: number, mirrorPort: number) {
  const file = join(folder, 'nginx.conf');
  await writeFile(
    file,
    `daemon off; master_process off; pid ${folder}/nginx.pid; error_log stderr error;
     events { worker_connections 256; }
     http { access_log ${folder}/nginx-access.log combined buffer=64k flush=1s; keepalive_requests 100000000;
       server { listen 127.0.0.1:${port}; location / { return 302 http://127.0.0.1:9$request_uri; } }
       server { listen 127.0.0.1:${mirrorPort}; access_log off; root ${folder}; } }`,
  );
  return startProcess({
    name: 'nginx',
    command: 'nginx',
    args: ['-c', file, '-p', folder],
    ready: async () => (await fetch(`http://127.0.0.1:${port}/`, { redirect: 'manual' })).status === 302,
  });
}
