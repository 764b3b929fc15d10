import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { digestOf } from '@gantry/oci';
import { type Candidate, openApi, type Page } from '../clients/gantry-api.ts';
import { copyCheckout } from '../servers/checkout.ts';
import { startDockerd } from '../servers/dockerd.ts';
import { freePorts } from '../servers/free-port.ts';
import { needs } from '../servers/parts.ts';
import { type ServerProcess, startProcess } from '../servers/process.ts';
import { type TemporaryFolder, temporaryFolder } from '../servers/temporary-folder.ts';

/** What a person sees who has cloned the project and says `npm start`. */

interface FirstRun extends ServerProcess {
  /** What the printed line says to pull. */
  readonly reference: string;
  readonly api: string;
}

let folder: TemporaryFolder | undefined;
let checkout: string;
let environment: NodeJS.ProcessEnv;
let apiAddress: string;
let craneAddress: string;
let running: FirstRun | undefined;
const real = needs('npm').showing(() => (running === undefined ? [] : [running]));

real.beforeAll(async () => {
  folder = await temporaryFolder('first-run');
  checkout = path.join(folder.path, 'checkout');
  await copyCheckout(checkout);
  const [api, crane, admin, tree] = (await freePorts(4)).map((port) => `127.0.0.1:${port}`) as [
    string,
    string,
    string,
    string,
  ];
  apiAddress = api;
  craneAddress = crane;
  // Nothing of this run's environment: the machine's own Node and npm, and a home of their own.
  const systemPath = process.env['PATH']
    ?.split(path.delimiter)
    .filter((part) => !part.includes('node_modules'));
  environment = {
    PATH: systemPath?.join(path.delimiter),
    HOME: folder.path,
    GANTRY_API_LISTEN: api,
    GANTRY_CRANE_LISTEN: crane,
    GANTRY_CRANE_ADMIN_LISTEN: admin,
    GANTRY_TREE_LISTEN: tree,
  };
}, 60_000);

real.afterAll(async () => {
  await running?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
}, 60_000);

/** Starts it in a process group of its own, as a shell does, so that it can be ended as Ctrl-C ends it. */
async function start(command: string, ...args: string[]): Promise<FirstRun> {
  const said = /^\s*docker pull (\S+)\s*$/m;
  const server = await startProcess({
    name: [command, ...args].join(' '),
    command,
    args,
    cwd: checkout,
    env: environment,
    group: true,
    ready: async (log) => said.test(log) && (await fetch(`http://${apiAddress}/readyz`)).ok,
    readyWithinMs: 90_000,
  });
  return { ...server, reference: said.exec(server.log())?.[1] as string, api: `http://${apiAddress}` };
}

const adminToken = async () => (await readFile(path.join(checkout, 'data', 'admin-token'), 'utf8')).trim();

/** The manifest of the printed reference, as a client without an account sees it. */
async function manifestOf(reference: string): Promise<{ status: number; digest: string }> {
  const [, host, repository, tag] = /^([^/]+)\/(.+):([^:]+)$/.exec(reference) ?? [];
  const response = await fetch(`http://${host}/v2/${repository}/manifests/${tag}`);
  return { status: response.status, digest: digestOf(Buffer.from(await response.arrayBuffer())) };
}

real.test(
  'npm start with no configuration prints a line that pulls, and says where the API, the tree and the token are',
  async () => {
    running = await start('npm', 'start');
    expect(running.reference).toMatch(new RegExp(`^${craneAddress.replaceAll('.', '\\.')}/\\S+:\\S+$`));
    expect((await manifestOf(running.reference)).status).toBe(200);
    for (const told of [`http://${apiAddress}`, path.join('data', 'tree'), path.join('data', 'admin-token')])
      expect(running.log()).toContain(told);
    expect((await stat(path.join(checkout, 'data', 'admin-token'))).mode & 0o777).toBe(0o600);
    expect(running.log()).not.toContain(await adminToken());
  },
  120_000,
);

real.test(
  'it has synced samples and promoted one of them: the others are 404 until somebody promotes them',
  async () => {
    const api = openApi(`http://${apiAddress}`, await adminToken());
    const candidates = await api.candidates();
    const repositories = new Set(candidates.map(({ repository }) => repository));
    expect(repositories.size).toBeGreaterThan(2);
    const { body } = await api.call<Page<string>>('GET', '/api/v1/channels/stable/repositories');
    expect(body.items).toHaveLength(1);
    const other = candidates.find(
      ({ repository }) => !running?.reference.includes(`/${repository}:`),
    ) as Candidate;
    const place = `http://${craneAddress}/v2/${other.repository}/manifests/${other.tag}`;
    expect((await fetch(place)).status).toBe(404);
    const promoted = await api.promote('stable', [{ repository: other.repository, reference: other.tag }]);
    expect(promoted.state).toBe('done');
    expect((await fetch(place)).status).toBe(200);
  },
  60_000,
);

const withDocker = needs('npm', 'docker', 'dockerd').showing(() => (running === undefined ? [] : [running]));
withDocker.test(
  'docker pulls the very line that was printed',
  async () => {
    await using dockerd = await startDockerd();
    const reference = running?.reference ?? '';
    const { digest } = await manifestOf(reference);
    expect(await dockerd.docker('pull', reference)).toContain(`Digest: ${digest}`);
  },
  120_000,
);

real.test(
  'Ctrl-C ends it in an orderly way, and the next start finds its data again',
  async () => {
    const first = running as FirstRun;
    const before = await manifestOf(first.reference);
    const token = await adminToken();
    const publications = async () => {
      const { body } = await openApi(first.api, token).call<Page<{ serial: number; root: string }>>(
        'GET',
        '/api/v1/publications',
      );
      return body.items;
    };
    const published = await publications();
    // npm waits for what it has started, and then some versions of it end by the signal themselves.
    const { code, signal } = await first.kill('SIGINT');
    expect(signal ?? code).toBe(signal === null ? 0 : 'SIGINT');
    expect(first.log()).toMatch(/Stopping …\s*$/);

    running = await start('node', 'apps/cli/bin/gantry.js', 'serve', 'all', '--demo');
    expect(await adminToken()).toBe(token);
    expect(await manifestOf(first.reference)).toEqual(before);
    expect(await publications()).toEqual(expect.arrayContaining([...published]));
    expect(await running.kill('SIGINT')).toEqual({ code: 0, signal: null });
  },
  120_000,
);
