import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type GantryApi, openApi } from '../clients/gantry-api.ts';
import { freePorts } from './free-port.ts';
import { type ServerProcess, startProcess } from './process.ts';
import { attempt, type Outcome } from './run.ts';

/** The command as people start it. */
export const GANTRY_BIN = fileURLToPath(new URL('../../apps/cli/bin/gantry.js', import.meta.url));
/** The token of the tests' configurations, which may do everything. */
export const ADMIN_TOKEN = 'a-token-of-the-tests';

/** What a configuration file says; the tests write it as YAML's subset JSON. */
export interface Configuration {
  readonly [section: string]: unknown;
  readonly sources?: readonly object[];
  readonly channels?: readonly object[];
  readonly api?: { readonly listen: string; readonly tokens: readonly object[]; readonly limits?: object };
  readonly crane?: { readonly listen: string; readonly adminListen: string; readonly [key: string]: unknown };
}

/** A `gantry serve` that runs. */
export interface Gantry extends ServerProcess {
  readonly api: GantryApi;
  /** `127.0.0.1:PORT` of the crane, as it stands in references. */
  readonly crane: string;
  /** `http://127.0.0.1:PORT` of the crane's health and metrics. */
  readonly admin: string;
}

export interface GantryOptions {
  /** Where the configuration file is written, and `./data` lies. */
  readonly folder: string;
  readonly configuration: Configuration;
  /** `all` unless something else is asked for. */
  readonly service?: 'all' | 'crane';
  /** Added to the environment. */
  readonly env?: NodeJS.ProcessEnv;
}

/** Starts a service on a configuration, and waits until its API and its crane answer. */
export async function startGantry({
  folder,
  configuration,
  service = 'all',
  env,
}: GantryOptions): Promise<Gantry> {
  const file = await writeConfiguration(folder, configuration);
  const { api, crane } = configuration;
  const ready = [
    ...(service === 'all' && api !== undefined ? [`http://${api.listen}/readyz`] : []),
    ...(crane === undefined ? [] : [`http://${crane.adminListen}/healthz`, `http://${crane.listen}/v2/`]),
  ];
  const server = await startProcess({
    name: `gantry serve ${service}`,
    command: process.execPath,
    args: [GANTRY_BIN, 'serve', service, '--config', file],
    cwd: folder,
    env: { ...cleanEnvironment(), ...env },
    ready: async () => (await Promise.all(ready.map((url) => fetch(url)))).every((answer) => answer.ok),
    readyWithinMs: 90_000,
  });
  const gone = new AbortController();
  void server.ended.then(() => gone.abort(new Error(`${server.name} has ended`)));
  return {
    ...server,
    api: openApi(`http://${api?.listen}`, ADMIN_TOKEN, gone.signal),
    crane: crane?.listen ?? '',
    admin: `http://${crane?.adminListen}`,
  };
}

/** Runs one command to its end, in a folder that has the configuration file. Nothing of the environment speaks of Gantry. */
export async function gantry(
  folder: string,
  args: readonly string[],
  { env, timeoutMs }: { env?: NodeJS.ProcessEnv; timeoutMs?: number } = {},
): Promise<Outcome> {
  return attempt(process.execPath, [GANTRY_BIN, ...args], {
    cwd: folder,
    env: { ...cleanEnvironment(), GANTRY_CONFIG: path.join(folder, 'gantry.yaml'), ...env },
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
}

/** Writes `gantry.yaml` into the folder, and gives its path. */
export async function writeConfiguration(folder: string, configuration: Configuration): Promise<string> {
  await mkdir(folder, { recursive: true });
  const file = path.join(folder, 'gantry.yaml');
  await writeFile(file, JSON.stringify(configuration, undefined, 2), { mode: 0o600 });
  return file;
}

/** Embedded stores below `./data`, free ports, two channels, one token; sources and mirrors as the test wants them. */
export async function embeddedConfiguration(wanted: {
  readonly sources?: readonly object[];
  readonly crane?: object;
}): Promise<Configuration & Required<Pick<Configuration, 'api' | 'crane'>>> {
  const [api, crane, admin] = await freePorts(3);
  return {
    tree: { filesystem: { root: './data/tree' } },
    sources: wanted.sources ?? [],
    channels: [{ name: 'testing', prefix: 'testing/' }, { name: 'stable' }],
    api: {
      listen: `127.0.0.1:${api}`,
      tokens: [{ name: 'tests', token: ADMIN_TOKEN, scopes: ['admin'] }],
    },
    crane: {
      listen: `127.0.0.1:${crane}`,
      adminListen: `127.0.0.1:${admin}`,
      tree: './data/tree',
      ...wanted.crane,
    },
  };
}

function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('GANTRY_')));
}
