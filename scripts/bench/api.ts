import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openCatalogTransfer } from '@gantry/catalog';
import { startService } from '../../test/end-to-end/engines-world.ts';
import { inParallel } from '../../test/fixtures/in-parallel.ts';
import { freePorts } from '../../test/servers/free-port.ts';
import { ADMIN_TOKEN, writeConfiguration } from '../../test/servers/gantry.ts';
import { startProcess } from '../../test/servers/process.ts';
import { temporaryFolder } from '../../test/servers/temporary-folder.ts';
import { digestAt, entries, repositoryAt, TAGS_A_REPOSITORY } from './catalog-content.ts';
import { median, type Result } from './results.ts';

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const CANDIDATES = 1_000_000;
const CLIENTS = 32;
const SECONDS = 10;
const ROUNDS = 3;
/** Different paths of each route: more than any cache of a connection or statement would hold. */
const PATHS = 1000;
const PAGE = 'limit=20';

/** What clients ask. @param number of a candidate */
const ROUTES: Readonly<Record<string, (number: number) => string>> = {
  'a candidate by its digest': (number) => `candidates?digest=${digestAt(number)}&${PAGE}`,
  'candidates of a repository': (number) => `candidates?repository=${repositoryAt(number)}&${PAGE}`,
  promotions: () => `promotions?to=stable&${PAGE}`,
  'a promotion': (number) => `promotions/p${Math.floor(number / TAGS_A_REPOSITORY)}`,
  'tags of a repository in a channel': (number) =>
    `channels/stable/tags?repository=${repositoryAt(number)}&${PAGE}`,
};

interface Load {
  /** Of 100 answers 99 took no longer, in ms. */
  readonly p99Ms: number;
  readonly aSecond: number;
}

/**
 * How long reads of the API take at a million candidates in SQLite: 32 clients that each ask again as soon as they are
 * answered, beside a bare node:http server that answers the same bytes, in turn.
 */
export async function benchApi({ candidates = CANDIDATES, seconds = SECONDS } = {}): Promise<Result[]> {
  await using opened = new AsyncDisposableStack();
  const folder = opened.use(await temporaryFolder('bench-api')).path;
  const catalog = { sqlite: { file: path.join(folder, 'catalog.db') } };
  {
    await using filling = await openCatalogTransfer(catalog, 'target');
    await filling.load(entries(candidates));
  }
  const [apiPort = 0, barePort = 0] = await freePorts(2);
  const api = `http://127.0.0.1:${apiPort}`;
  const file = await writeConfiguration(folder, {
    storage: { filesystem: { root: './store' } },
    tree: { filesystem: { root: './tree' } },
    catalog,
    channels: [{ name: 'stable' }],
    api: {
      listen: `127.0.0.1:${apiPort}`,
      tokens: [{ name: 'bench', token: ADMIN_TOKEN, scopes: ['admin'] }],
      limits: { requestsPerSecond: 1_000_000, burst: 1_000_000 },
    },
  });
  const quiet = { GANTRY_LOG_LEVEL: 'warn' }; // else this process, which reads the log, would share the cores
  opened.use(await startService('promote', folder, file, quiet, `${api}/readyz`));

  const paths = new Map(
    Object.entries(ROUTES).map(([name, pathOf]) => [
      name,
      pathsOf(pathOf, Math.min(PATHS, candidates), candidates),
    ]),
  );
  const answers = path.join(folder, 'answers.json');
  await writeFile(answers, JSON.stringify(await readAnswers(api, [...paths.values()].flat())));
  opened.use(
    await startProcess({
      name: 'bare',
      command: process.execPath,
      args: [here('bare-answers.js'), answers, String(barePort)],
      ready: async (log) => log.includes('ready'),
    }),
  );

  const results: Result[] = [];
  for (const [name, asked] of [...paths, ['all of these', [...paths.values()].flat()] as const]) {
    const list = path.join(folder, 'paths.txt');
    await writeFile(list, asked.map((one) => `${one}\n`).join(''));
    await load(apiPort, list, Math.ceil(seconds / 4)); // to be warm
    const [ours, theirs]: [Load[], Load[]] = [[], []];
    for (let round = 0; round < ROUNDS; round++) {
      ours.push(await load(apiPort, list, seconds));
      theirs.push(await load(barePort, list, seconds));
    }
    const p99 = (loads: readonly Load[]) => median(loads.map(({ p99Ms }) => p99Ms));
    const rate = (loads: readonly Load[]) => Math.round(median(loads.map(({ aSecond }) => aSecond)));
    results.push({
      name: `API, p99 of ${name}, ${candidates} candidates, ${CLIENTS} clients`,
      unit: 'ms',
      gantry: p99(ours),
      peer: 'node:http with the same bytes',
      peerValue: p99(theirs),
      ratio: p99(ours) / p99(theirs),
      note: `${rate(ours)} a second beside ${rate(theirs)}; each round: ${ours.map(({ p99Ms }) => `${p99Ms} ms`).join(', ')}`,
    });
  }
  return results;
}

/** Paths that lie all over the catalog, the same each time. */
function pathsOf(pathOf: (number: number) => string, count: number, candidates: number): readonly string[] {
  const spread = Array.from({ length: count }, (_, at) => (at * 7919 * 104_729) % candidates);
  return [...new Set(spread.map((number) => `/api/v1/${pathOf(number)}`))];
}

/** What the API says to each path. */
async function readAnswers(api: string, paths: readonly string[]): Promise<Record<string, string>> {
  const answers = new Map<string, string>();
  await inParallel(paths, 8, async (one) => {
    const response = await fetch(api + one, { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } });
    if (!response.ok) throw new Error(`${response.status} of ${one}: ${await response.text()}`);
    answers.set(one, await response.text());
  });
  return Object.fromEntries(answers);
}

const MS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000 };

/** One thread of wrk, whose connections are kept. */
async function load(port: number, paths: string, seconds: number): Promise<Load> {
  const { stdout } = await promisify(execFile)('wrk', [
    '-t1',
    `-c${CLIENTS}`,
    `-d${seconds}s`,
    '--latency',
    '-H',
    `Authorization: Bearer ${ADMIN_TOKEN}`,
    '-s',
    here('random-paths.lua'),
    `http://127.0.0.1:${port}`,
    '--',
    paths,
  ]);
  const [, value, unit = ''] = /^\s*99%\s+([\d.]+)(us|ms|s)$/m.exec(stdout) ?? [];
  const p99Ms = Number(value) * (MS[unit] ?? Number.NaN);
  const aSecond = Number(/Requests\/sec:\s*([\d.]+)/.exec(stdout)?.[1]);
  if (!(p99Ms > 0 && aSecond > 0) || /Socket errors|Non-2xx/.test(stdout))
    throw new Error(`wrk says: ${stdout}`);
  return { p99Ms, aSecond };
}
