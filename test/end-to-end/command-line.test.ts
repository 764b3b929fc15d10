import path from 'node:path';
import { createInProcessRegistry, type InProcessRegistry } from '@gantry/registry';
import type { Page, Work } from '../clients/gantry-api.ts';
import { helloImage } from '../fixtures/build-registry.ts';
import {
  ADMIN_TOKEN,
  embeddedConfiguration,
  type Gantry,
  gantry as command,
  startGantry,
  writeConfiguration,
} from '../servers/gantry.ts';
import { withLogs } from '../servers/process.ts';
import { type TemporaryFolder, temporaryFolder } from '../servers/temporary-folder.ts';

/** The same way as by REST, by the command line alone: against a server, and without one on the configuration's own stores. */
const image = helloImage('app');
const newer = helloImage('app, newer');

function buildRegistry(): InProcessRegistry {
  const registry = createInProcessRegistry();
  registry.push('team/app', image, '1.0', 'latest');
  registry.push('team/app', newer, '2.0');
  registry.push('team/tool', helloImage('tool'), '1.0');
  return registry;
}

interface Serial {
  readonly serial: number;
}

describe('against a server', () => {
  let folder: TemporaryFolder;
  let gantry: Gantry;
  const opened = new AsyncDisposableStack();

  beforeAll(async () => {
    folder = opened.use(await temporaryFolder('command-line'));
    const { url } = opened.use(await buildRegistry().listen());
    const configuration = await embeddedConfiguration({ sources: [{ name: 'builds', registry: url }] });
    gantry = opened.use(await startGantry({ folder: folder.path, configuration }));
  }, 60_000);

  afterAll(() => opened.disposeAsync(), 60_000);

  /** Runs a command that must succeed, its words separated by blanks, and gives what it printed. */
  const run = async (line: string) => {
    const { code, stdout, stderr } = await command(folder.path, line.split(' '));
    if (code !== 0) throw withLogs(new Error(`exit ${code} of gantry ${line}\n${stderr}`), [gantry]);
    return stdout;
  };
  const json = async <T>(line: string) => JSON.parse(await run(`${line} --output json`)) as T;
  const published = async (reference: string) => {
    const [repository, tag] = reference.split(':');
    const place = `http://${gantry.crane}/v2/${repository}/manifests/${tag}`;
    const response = await fetch(place, { method: 'HEAD' });
    return response.ok ? response.headers.get('docker-content-digest') : response.status;
  };

  test('sync waits for the end, and candidates lists what came', async () => {
    await run('sync');
    const { items } = await json<Page<{ tag: string; digest: string }>>('candidates --repository team/app');
    const found = Object.fromEntries(items.map(({ tag, digest }) => [tag, digest]));
    expect(found).toEqual({ '1.0': image.digest, latest: image.digest, '2.0': newer.digest });
    expect(await run('candidates')).toContain('team/tool');
  }, 30_000);

  test('a dry run promotes nothing; promote --wait returns when the crane serves it', async () => {
    await run('promote team/app:1.0 --to stable --dry-run');
    expect(await published('team/app:1.0')).toBe(404);
    const promoted = await json<Work>(
      'promote team/app:1.0 --to stable --tag 1.0 --tag latest --wait --reason tested',
    );
    expect(promoted.state).toBe('done');
    expect(await published('team/app:1.0')).toBe(image.digest);
    expect(await published('team/app:latest')).toBe(image.digest);
    expect(await published('team/app:2.0')).toBe(404);
  }, 30_000);

  test('a digest is promoted under the tags that are named', async () => {
    await run(`promote team/app@${newer.digest} --to stable --tag latest --wait`);
    expect(await published('team/app:latest')).toBe(newer.digest);
  }, 30_000);

  test('diff tells what differs between channels and between serials, rollback brings a serial back', async () => {
    const { items } = await json<Page<Serial>>('publications');
    const last = Math.max(...items.map(({ serial }) => serial));
    expect(await run('diff testing stable')).toContain('team/app');
    expect(await run(`diff ${last - 1} ${last}`)).toContain('latest');
    await run(`rollback ${last - 1} --reason broken`);
    expect(await published('team/app:latest')).toBe(image.digest);
  }, 30_000);

  test('publish makes a serial now, and verify proves the tree', async () => {
    const before = await json<Page<Serial>>('publications');
    await run('publish');
    const after = await json<Page<Serial>>('publications');
    expect(after.items.length).toBeGreaterThanOrEqual(before.items.length);
    await run(`verify ${path.join(folder.path, 'data', 'tree')} --deep`);
  }, 30_000);

  test('a promotion of what is not synced is refused: exit 3, and it is named', async () => {
    const { code, stderr, stdout } = await command(
      folder.path,
      'promote team/none:1.0 --to stable --wait'.split(' '),
    );
    expect({ code, said: stderr + stdout }).toEqual({ code: 3, said: expect.stringContaining('team/none') });
  }, 30_000);

  test('the address and the token can come from the environment; a wrong token is refused', async () => {
    await using elsewhere = await temporaryFolder('elsewhere');
    const env = { GANTRY_CONFIG: undefined, GANTRY_SERVER: gantry.api.url, GANTRY_TOKEN: ADMIN_TOKEN };
    expect(await command(elsewhere.path, ['candidates'], { env })).toMatchObject({ code: 0 });
    const guessed = { ...env, GANTRY_TOKEN: 'guessed' };
    expect(await command(elsewhere.path, ['candidates'], { env: guessed })).toMatchObject({ code: 1 });
  }, 30_000);
});

test('without a server, sync, promote, publish and verify work on the configuration alone; what needs one says so', async () => {
  await using opened = new AsyncDisposableStack();
  const folder = opened.use(await temporaryFolder('local')).path;
  const { url } = opened.use(await buildRegistry().listen());
  const configuration = await embeddedConfiguration({ sources: [{ name: 'builds', registry: url }] });
  await writeConfiguration(folder, configuration);
  const tree = path.join(folder, 'data', 'tree');

  for (const line of [
    'sync --local',
    'promote team/app:1.0 --to stable --wait --local',
    'publish --local',
    `verify ${tree} --deep --local`,
  ]) {
    const { code, stdout, stderr } = await command(folder, line.split(' '));
    if (code !== 0) throw new Error(`exit ${code} of gantry ${line}\n${stderr}${stdout}`);
  }
  const { code, stderr } = await command(folder, ['candidates']);
  expect(code).toBe(75);
  expect(stderr).toContain(configuration.api.listen);

  const gantry = opened.use(await startGantry({ folder, configuration }));
  expect((await fetch(`http://${gantry.crane}/v2/team/app/manifests/1.0`)).status).toBe(200);
}, 60_000);
