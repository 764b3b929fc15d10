import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { createInProcessRegistry } from '@gantry/registry';
import { parse, stringify } from 'yaml';
import type { Page, Work } from '../clients/gantry-api.ts';
import type { Client } from '../clients/client.ts';
import { openSkopeo } from '../clients/skopeo.ts';
import { helloImage } from '../fixtures/build-registry.ts';
import { freePorts } from '../servers/free-port.ts';
import {
  ADMIN_TOKEN,
  type Configuration,
  type Gantry,
  gantry as command,
  GANTRY_BIN,
  startGantry,
} from '../servers/gantry.ts';
import { needs } from '../servers/parts.ts';
import { type ServerProcess, startProcess } from '../servers/process.ts';
import { type TemporaryFolder, temporaryFolder } from '../servers/temporary-folder.ts';
import { until } from '../servers/until.ts';

/** What is not for everybody goes to a tree of its own, with a crane of its own: by docs/deploy.md and the command line alone. */

const DEPLOY = fileURLToPath(new URL('../../docs/deploy.md', import.meta.url));
const image = (tag: string) => helloImage(`app ${tag}`);

/** The configurations that the document shows: of the service, and of the private tree's crane. */
async function shown(): Promise<[Configuration, Configuration & { readonly crane: { listen: string } }]> {
  const [, section = ''] = (await readFile(DEPLOY, 'utf8')).split('\n## Several trees\n');
  const ports = new Map<string, number>();
  const blocks = [...section.matchAll(/^```yaml\n(.*?)^```$/gms)].slice(0, 2).map(([, text = '']) => text);
  const named = new Set(blocks.flatMap((text) => text.match(/127\.0\.0\.1:\d+/g) ?? []));
  const free = await freePorts(named.size);
  for (const [at, address] of [...named].entries()) ports.set(address, free[at] ?? 0);
  const [service, crane] = blocks.map((text) =>
    parse(text.replaceAll(/127\.0\.0\.1:\d+/g, (address) => `127.0.0.1:${ports.get(address)}`)),
  );
  return [service, crane];
}

const real = needs('skopeo').showing(() => [server, inner].filter((one) => one !== undefined));
const opened = new AsyncDisposableStack();
let folder: TemporaryFolder;
let configuration: Configuration;
let server: Gantry;
let inner: ServerProcess;
let cranes: { readonly main: string; readonly internal: string };
let skopeo: Client;

real.beforeAll(async () => {
  folder = opened.use(await temporaryFolder('trees'));
  skopeo = opened.use(await openSkopeo());
  const upstream = createInProcessRegistry();
  for (const tag of ['1', '2', '3', 'secret']) upstream.push('app', image(tag), tag);
  upstream.push('hidden/engine', image('engine'), '1');
  const { url } = opened.use(await upstream.listen());
  const [service, crane] = await shown();
  const [api] = await freePorts(1);
  configuration = {
    ...service,
    sources: [{ name: 'candidates', registry: url }],
    api: {
      listen: `127.0.0.1:${api}`,
      tokens: [{ name: 'tests', token: ADMIN_TOKEN, scopes: ['admin'] }],
    },
  };
  const made = await command(folder.path, ['keys', 'make', '--out', 'internal.key', '--output', 'plain'], {
    env: { GANTRY_CONFIG: undefined },
  });
  await writeFile(at('internal.pub'), made.stdout);
  await writeFile(at('internal-crane.yaml'), stringify(crane), { mode: 0o600 });
  server = await startGantry({ folder: folder.path, configuration });
  opened.defer(() => server[Symbol.asyncDispose]());
  inner = opened.use(
    await startProcess({
      name: 'gantry serve crane --config internal-crane.yaml',
      command: process.execPath,
      args: [GANTRY_BIN, 'serve', 'crane', '--config', at('internal-crane.yaml')],
      cwd: folder.path,
      env: process.env,
      ready: async () => (await fetch(`http://${crane.crane.listen}/v2/`)).ok,
      readyWithinMs: 90_000,
    }),
  );
  cranes = { main: server.crane, internal: crane.crane.listen };
}, 120_000);

afterAll(() => opened.disposeAsync(), 60_000);

const at = (file: string) => path.join(folder.path, file);

async function run(...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await command(folder.path, words);
  expect([words.join(' '), code, code === 0 ? '' : stderr]).toEqual([words.join(' '), 0, '']);
  return stdout;
}
const json = async <T>(...words: string[]) => JSON.parse(await run(...words, '--output', 'json')) as T;
const refused = async (...words: string[]) => {
  const { code, stderr } = await command(folder.path, words);
  return [code, stderr];
};
const promote = (item: string, to: string, ...tags: string[]) =>
  run('promote', item, '--to', to, ...tags.flatMap((tag) => ['--tag', tag]), '--wait');

/** Of a tree's publications, the newest first. */
const serials = async (...words: string[]) =>
  (await json<Page<{ tree: string; serial: number }>>('publications', ...words)).items.map(
    ({ tree, serial }) => `${tree} ${serial}`,
  );

/** The digest that a client pulls; undefined: it gets none. */
async function pulled(crane: keyof typeof cranes, reference: string): Promise<string | undefined> {
  const { status } = await fetch(`http://${cranes[crane]}/v2/${reference.replace(':', '/manifests/')}`);
  if (status === 404) return undefined;
  return (await skopeo.pull(`${cranes[crane]}/${reference}`)).digest;
}

/** The same, once the crane has seen in its folder what is wanted. */
async function pulledOnce(crane: keyof typeof cranes, reference: string, wanted: string | undefined) {
  const place = `http://${cranes[crane]}/v2/${reference.replace(':', '/manifests/')}`;
  await until(`${crane} to have ${reference} at ${wanted}`, async () => {
    const { headers } = await fetch(place);
    return (headers.get('docker-content-digest') ?? undefined) === wanted;
  });
  return pulled(crane, reference);
}

real.test(
  'each crane gives what stands in its tree, and nothing of the other',
  async () => {
    await run('sync', 'candidates');
    await promote('app:1', 'stable', '1', 'latest');
    const inside = await json<Work & { tree?: string; serial: number }>(
      'promote',
      'app:secret',
      '--to',
      'inside',
      '--tag',
      'secret',
      '--tag',
      'latest',
      '--wait',
    );
    expect(inside).toMatchObject({ state: 'done', tree: 'internal', serial: 1 });
    await promote('hidden/engine:1', 'inside');
    expect(await pulled('main', 'app:latest')).toBe(image('1').digest);
    expect(await pulledOnce('internal', 'hidden/engine:1', image('engine').digest)).toBe(
      image('engine').digest,
    );
    expect(await pulled('internal', 'app:latest')).toBe(image('secret').digest);
    expect(await pulled('main', 'app:secret')).toBeUndefined();
    expect(await pulled('main', 'hidden/engine:1')).toBeUndefined();
    expect(await pulled('main', `app:${image('secret').digest}`)).toBeUndefined();
    expect(await pulled('internal', 'app:1')).toBeUndefined();
    await run('verify', '--deep');
    await run('verify', '--tree', 'internal', '--deep', '--key', 'internal.pub');
  },
  120_000,
);

real.test(
  'history, differences, publications and rollbacks are of the tree that is named',
  async () => {
    expect(await serials()).toEqual(['main 1']);
    expect(await serials('--tree', 'internal')).toEqual(['internal 2', 'internal 1']);
    expect(await run('diff', '1', '2', '--tree', 'internal')).toContain('hidden/engine');
    await promote('app:2', 'inside', 'latest');
    await promote('app:2', 'stable', 'latest');

    expect(await run('rollback', '2', '--tree', 'internal', '--repository', 'app')).toContain(
      'serial 4 of internal',
    );
    expect(await pulledOnce('internal', 'app:latest', image('secret').digest)).toBe(image('secret').digest);
    expect(await pulled('main', 'app:latest')).toBe(image('2').digest);
    await run('rollback', '1', '--channel', 'inside');
    expect(await pulledOnce('internal', 'hidden/engine:1', undefined)).toBeUndefined();
    expect(await run('publish')).toMatch(/^publish: done, serial 2, serial 5 of internal/);
    expect(await run('publish', '--tree', 'internal')).toMatch(/^publish internal: done, serial 5/);
    await run('rollback', '1');
    expect(await pulled('main', 'app:latest')).toBe(image('1').digest);

    expect(await refused('rollback', '1', '--tree', 'other')).toEqual([
      1,
      expect.stringContaining('there is no tree "other": there are main, internal'),
    ]);
    expect(await refused('rollback', '1', '--channel', 'inside', '--repository', 'none')).toEqual([
      1,
      expect.stringContaining('none: no such repository in inside'),
    ]);
  },
  120_000,
);

real.test(
  'a retraction takes out of one tree, a purge out of both, and no file of the public one has had any of it',
  async () => {
    await promote('app:3', 'stable');
    await promote('app:3', 'inside');
    await run('retract', 'inside', 'app:secret', '--reason', 'not even here', '--wait');
    expect(await pulledOnce('internal', 'app:secret', undefined)).toBeUndefined();
    await run('purge', image('3').digest, '--reason', 'a key is in it', '--wait', '--yes');
    expect(await pulled('main', 'app:3')).toBeUndefined();
    expect(await pulledOnce('internal', 'app:3', undefined)).toBeUndefined();
    await run('verify', '--deep');
    await run('verify', '--tree', 'internal', '--deep');

    const words = ['hidden/engine', 'secret', ...[image('secret'), image('engine')].flatMap(hexesOf)];
    const files = await readdir(at('data/tree'), { recursive: true, withFileTypes: true });
    for (const file of files.filter((one) => one.isFile())) {
      const name = path.join(file.parentPath, file.name);
      const text = `${name.slice(folder.path.length)} ${await readFile(name, 'latin1')}`;
      expect([name, words.filter((word) => text.includes(word))]).toEqual([name, []]);
    }
  },
  120_000,
);

real.test(
  'a catalog that was lost is remade from both trees, and both go on',
  async () => {
    await server[Symbol.asyncDispose]();
    for (const name of await readdir(at('data')))
      if (name.startsWith('catalog.db')) await rm(at(`data/${name}`));
    const told = await run('catalog', 'rebuild');
    expect(told).toMatch(/^inside +2 +1$/m);
    expect(told).toMatch(/serial \d+ of internal/);
    server = await startGantry({ folder: folder.path, configuration });
    await run('sync', 'candidates');
    await promote('app:2', 'inside', 'again');
    expect(await pulledOnce('internal', 'app:again', image('2').digest)).toBe(image('2').digest);
    await promote('app:2', 'stable', 'again');
    expect(await pulled('main', 'app:again')).toBe(image('2').digest);
    await run('verify', '--deep');
    await run('verify', '--tree', 'internal', '--deep', '--key', 'internal.pub');
  },
  120_000,
);

/** The hex of what an image alone has: its manifest and its configuration. */
function hexesOf({ digest, bytes }: { readonly digest: string; readonly bytes: Uint8Array }): string[] {
  const { config } = JSON.parse(Buffer.from(bytes).toString()) as { config: { digest: string } };
  return [digest, config.digest].map((one) => one.slice('sha256:'.length));
}
