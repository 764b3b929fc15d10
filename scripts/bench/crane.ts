import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePorts } from '../../test/servers/free-port.ts';
import { GANTRY_BIN } from '../../test/servers/gantry.ts';
import { startProcess } from '../../test/servers/process.ts';
import { writeCraneTree } from './crane-tree.ts';
import { median, type Result } from './results.ts';

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const ROUNDS = 5;
const REPOSITORIES = 10_000;
const TAGS = 20;

/**
 * Redirects a second of one crane process, of a bare node:http server that redirects without looking, and of one nginx
 * worker's `return 302`: wrk with one thread and 32 connections, in turn.
 */
export async function benchCrane(): Promise<Result[]> {
  const root = await mkdtemp(join(tmpdir(), 'gantry-bench-crane-'));
  try {
    const paths = await writeCraneTree(root, REPOSITORIES, TAGS);
    const [cranePort = 0, barePort = 0, nginxPort = 0] = await freePorts(3);
    await using servers = new AsyncDisposableStack();
    servers.use(await startCrane(root, cranePort));
    servers.use(
      await startProcess({
        name: 'bare',
        command: process.execPath,
        args: [here('bare-redirect.js'), String(barePort)],
        ready: async (log) => log.includes('ready'),
      }),
    );
    servers.use(await startNginx(root, nginxPort));
    const rates = { crane: [] as number[], bare: [] as number[], nginx: [] as number[] };
    await load(cranePort, paths, 10); // each document is read once: a crane that has run for a while
    for (let round = 0; round < ROUNDS; round++) {
      rates.crane.push(await load(cranePort, paths, 5));
      rates.bare.push(await load(barePort, paths, 5));
      rates.nginx.push(await load(nginxPort, paths, 5));
    }
    const gantry = median(rates.crane);
    const note = `${REPOSITORIES} repositories × ${TAGS} tags`;
    return [
      {
        name: 'redirects',
        unit: '1/s',
        gantry,
        peer: 'node:http',
        peerValue: median(rates.bare),
        ratio: gantry / median(rates.bare),
        note,
      },
      {
        name: 'redirects',
        unit: '1/s',
        gantry,
        peer: 'nginx return 302',
        peerValue: median(rates.nginx),
        ratio: gantry / median(rates.nginx),
        note,
      },
    ];
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

async function startCrane(tree: string, port: number) {
  const file = join(tree, 'crane.yaml');
  const crane = {
    listen: `127.0.0.1:${port}`,
    tree,
    manifests: 'redirect',
    mirrors: [{ name: 'mirror', url: 'http://127.0.0.1:9/tree', trusted: true }],
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

async function startNginx(folder: string, port: number) {
  const file = join(folder, 'nginx.conf');
  await writeFile(
    file,
    `daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log stderr error;
     events { worker_connections 256; }
     http { access_log off; keepalive_requests 100000000;
       server { listen 127.0.0.1:${port}; location / { return 302 http://127.0.0.1:9$request_uri; } } }`,
  );
  return startProcess({
    name: 'nginx',
    command: 'nginx',
    args: ['-c', file, '-p', folder],
    ready: async () => (await fetch(`http://127.0.0.1:${port}/`, { redirect: 'manual' })).status === 302,
  });
}

/** @returns answers a second */
async function load(port: number, paths: string, seconds: number): Promise<number> {
  const { stdout } = await promisify(execFile)('wrk', [
    '-t1',
    '-c32',
    `-d${seconds}s`,
    '-s',
    here('random-paths.lua'),
    `http://127.0.0.1:${port}`,
    '--',
    paths,
  ]);
  const rate = Number(/Requests\/sec:\s*([\d.]+)/.exec(stdout)?.[1]);
  if (!(rate > 0) || /Socket errors/.test(stdout)) throw new Error(`wrk says: ${stdout}`);
  return rate;
}
