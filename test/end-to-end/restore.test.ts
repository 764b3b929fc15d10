import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  createInProcessRegistry,
  type InProcessRegistry,
  makeIndex,
  makeSbom,
  makeSignature,
} from '@gantry/registry';
import { openCraneClient } from '../clients/crane.ts';
import type { Page, Work } from '../clients/gantry-api.ts';
import { helloImage } from '../fixtures/build-registry.ts';
import {
  type Configuration,
  embeddedConfiguration,
  type Gantry,
  GANTRY_BIN,
  gantry as command,
  startGantry,
} from '../servers/gantry.ts';
import { needs } from '../servers/parts.ts';
import { attempt } from '../servers/run.ts';
import { type TemporaryFolder, temporaryFolder } from '../servers/temporary-folder.ts';

/**
 * What docs/backup.md tells people to run, run: a system that works is backed up while it is promoted to, everything is
 * lost, and it is restored on an empty machine, once with its catalog and once without.
 */

const SOURCE = 'builds';
const document = fileURLToPath(new URL('../../docs/backup.md', import.meta.url));
const app = makeIndex([helloImage('app'), helloImage('app, arm', { platform: arm64() })]);
const newer = helloImage('app, newer');
const companion = `${app.digest.replace(':', '-')}.sig`;
const image = (number: number) => helloImage(`image ${number}`);
const IMAGES = 40;

const real = needs('rsync', 'crane');
const opened = new AsyncDisposableStack();
let folder: TemporaryFolder;
let registry: InProcessRegistry;
let configuration: Configuration;
/** The blocks of shell commands of docs/backup.md, in their order: backup, restore, rebuild, copy. */
let blocks: string[];
/** The serial before anything was lost, and how many of the images were promoted. */
let before: { serial: number; promoted: number };

real.beforeAll(async () => {
  folder = opened.use(await temporaryFolder('restore'));
  registry = createInProcessRegistry();
  registry.push('team/app', app, '1.0');
  registry.push('team/app', newer, '2.0');
  registry.push('team/app', makeSignature('team/app', app), companion);
  registry.push('team/app', makeSbom(app, 'team/app'));
  for (let number = 0; number < IMAGES; number++) registry.push('team/many', image(number), `v${number}`);
  const { url } = opened.use(await registry.listen());
  configuration = await embeddedConfiguration({
    sources: [{ name: SOURCE, registry: url }],
    crane: { mirrors: [] },
  });
  blocks = [...(await readFile(document, 'utf8')).matchAll(/^```sh\n(.*?)^```$/gms)].map(
    ([, text]) => text ?? '',
  );
  await writeShim();
}, 60_000);

real.afterAll(() => opened.disposeAsync(), 60_000);

real.test(
  'a system is backed up while it works, by the commands of docs/backup.md',
  async () => {
    await using gantry = await startGantry({ folder: machine('first'), configuration });
    expect((await gantry.api.sync(SOURCE)).state).toBe('done');
    await promote(gantry, 'testing', 'team/app', '2.0', ['latest']);
    await promote(gantry, 'stable', 'team/app', '1.0', ['1.0', 'latest']);
    await promote(gantry, 'stable', 'team/app', '2.0', ['2.0', 'latest']);

    const ended = new AbortController();
    let promoted = 0;
    const promoting = (async () => {
      while (!ended.signal.aborted && promoted < IMAGES)
        await promote(gantry, 'stable', 'team/many', `v${promoted++}`, []);
    })();
    try {
      await shell('first', block('backup'));
    } finally {
      ended.abort();
      await promoting;
    }
    expect(promoted).toBeGreaterThan(0);
    before = { serial: await serialOf(gantry), promoted };
  },
  120_000,
);

real.test(
  'with its catalog: it verifies, is pulled from, and goes on with what is in the tree',
  async () => {
    await rm(machine('first'), { recursive: true });
    await mkdir(machine('second'), { recursive: true });
    await shell('second', block('restore')); // `gantry verify --deep` is its last line
    await using gantry = await startGantry({ folder: machine('second'), configuration });
    await pulls(gantry);
    const many = await tagsOf(gantry, 'team/many');
    await goesOn(gantry);
    // What was promoted between the backup of the catalog and that of the tree is still there; a promotion that was open
    // then may have come to its end now.
    expect(await tagsOf(gantry, 'team/many')).toEqual(expect.arrayContaining([...many, 'later']));
    const history = await promotionsOf(gantry);
    expect(history.filter(({ state }) => state === 'done').length).toBeGreaterThanOrEqual(4);
    await verifies('second');
  },
  120_000,
);

real.test(
  'without its catalog: rebuilt from tree and store, it downloads nothing again and goes on, back too',
  async () => {
    await mkdir(machine('third'), { recursive: true });
    await shell('third', block('restore').replace(/^cp -p \S+catalog.db .*\n/m, ''));
    await shell('third', block('rebuild'));
    await using gantry = await startGantry({ folder: machine('third'), configuration });
    await pulls(gantry);
    const many = await tagsOf(gantry, 'team/many');

    registry.forgetRequests();
    expect((await gantry.api.sync(SOURCE)).state).toBe('done');
    expect(registry.requests.length).toBeGreaterThan(IMAGES);
    expect(
      registry.requests.filter(
        ({ method, path: asked }) => method === 'GET' && /\/(blobs|manifests)\//.test(asked),
      ),
    ).toEqual([]);
    expect((await gantry.api.candidates()).length).toBe(IMAGES + 2);

    await goesOn(gantry);
    expect(await tagsOf(gantry, 'team/many')).toEqual([...many, 'later'].toSorted());
    // Serial 2 is where team/app was promoted first.
    const { body } = await gantry.api.call<Work>('POST', '/api/v1/publications/2/rollback', {
      body: { channel: 'stable', repositories: ['team/app'], reason: 'to see that it can be done' },
      headers: { 'Idempotency-Key': 'back' },
    });
    expect(await gantry.api.promotionEnded(body.id)).toMatchObject({ state: 'done' });
    expect(await digestOf(gantry, 'team/app', 'latest')).toBe(app.digest);
    expect(await digestOf(gantry, 'team/app', '2.0')).toBe(404);
    expect(await digestOf(gantry, 'team/app', companion)).toBe(makeSignature('team/app', app).digest);
    await verifies('third');
  },
  120_000,
);

real.test(
  'a catalog is moved by the command of docs/backup.md once its services are stopped',
  async () => {
    await shell('third', block('copy'));
    const moved = {
      ...configuration,
      catalog: { sqlite: { file: path.join(machine('backup'), 'moved.db') } },
    };
    await using gantry = await startGantry({ folder: machine('third'), configuration: moved });
    const many = await tagsOf(gantry, 'team/many');
    await promote(gantry, 'stable', 'team/many', 'v0', ['moved']);
    expect(await tagsOf(gantry, 'team/many')).toEqual([...many, 'moved'].toSorted());
    await verifies('third');
  },
  120_000,
);

function arm64() {
  return { os: 'linux', architecture: 'arm64' };
}

/** The working folder on a machine, or the one that backups lie in. */
function machine(name: 'first' | 'second' | 'third' | 'backup'): string {
  return path.join(folder.path, name);
}

function block(which: 'backup' | 'restore' | 'rebuild' | 'copy'): string {
  const names = ['backup', 'restore', 'rebuild', 'copy'];
  expect(blocks).toHaveLength(names.length);
  return blocks[names.indexOf(which)] ?? '';
}

/** `npx gantry` in a checkout is this checkout's command. */
async function writeShim(): Promise<void> {
  const bin = path.join(folder.path, 'bin');
  await mkdir(bin);
  await writeFile(
    path.join(bin, 'npx'),
    `#!/bin/sh\nshift\nexec "${process.execPath}" "${GANTRY_BIN}" "$@"\n`,
  );
  await chmod(path.join(bin, 'npx'), 0o755);
}

/** Runs commands of the document on one of the machines; each must succeed. */
async function shell(name: 'first' | 'second' | 'third', commands: string): Promise<void> {
  const text = commands.replaceAll('/backup', machine('backup'));
  const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith('GANTRY_')));
  env['PATH'] = `${path.join(folder.path, 'bin')}:${env['PATH'] ?? ''}`;
  const outcome = await attempt('sh', ['-e', '-c', text], { cwd: machine(name), env });
  expect([text, outcome.code, outcome.code === 0 ? '' : outcome.stderr]).toEqual([text, 0, '']);
}

async function promote(gantry: Gantry, to: string, repository: string, reference: string, tags: string[]) {
  const item = { repository, reference, ...(tags.length === 0 ? {} : { tags }) };
  expect(await gantry.api.promote(to, [item])).toMatchObject({ state: 'done' });
}

async function serialOf(gantry: Gantry): Promise<number> {
  const { body } = await gantry.api.call<Page<{ serial: number }>>('GET', '/api/v1/publications?limit=1');
  return body.items[0]?.serial ?? 0;
}

async function promotionsOf(gantry: Gantry): Promise<readonly Work[]> {
  return (await gantry.api.call<Page<Work>>('GET', '/api/v1/promotions?limit=1000')).body.items;
}

async function digestOf(
  gantry: Gantry,
  repository: string,
  reference: string,
): Promise<string | number | null> {
  const place = `http://${gantry.crane}/v2/${repository}/manifests/${reference}`;
  const response = await fetch(place, { method: 'HEAD' });
  return response.ok ? response.headers.get('docker-content-digest') : response.status;
}

async function tagsOf(gantry: Gantry, repository: string): Promise<string[]> {
  const response = await fetch(`http://${gantry.crane}/v2/${repository}/tags/list`);
  return response.ok ? ((await response.json()) as { tags: string[] }).tags.toSorted() : [];
}

/** What a client of the world sees: all that was promoted before the backup, and its bytes. */
async function pulls(gantry: Gantry): Promise<void> {
  await using client = await openCraneClient();
  expect(await client.pull(`${gantry.crane}/team/app:1.0`)).toEqual({ digest: app.digest });
  expect(await client.pull(`${gantry.crane}/team/app:latest`)).toEqual({ digest: newer.digest });
  expect(await client.pull(`${gantry.crane}/testing/team/app:latest`)).toEqual({ digest: newer.digest });
  expect(await digestOf(gantry, 'team/app', companion)).toBe(makeSignature('team/app', app).digest);
  const referrers = await fetch(`http://${gantry.crane}/v2/team/app/referrers/${app.digest}`);
  const { manifests } = (await referrers.json()) as { manifests: { digest: string }[] };
  expect(manifests.map(({ digest }) => digest)).toEqual([makeSbom(app, 'team/app').digest]);
}

/** The next promotion, of what was there all the time, takes a higher serial. */
async function goesOn(gantry: Gantry): Promise<void> {
  const serial = await currentSerial(gantry);
  expect(serial).toBeLessThanOrEqual(before.serial);
  await promote(gantry, 'stable', 'team/many', `v${IMAGES - 1}`, ['later']);
  // Serials whose lists came into the backup, and their pointer not, are passed over; what was open may come to its end first.
  expect(await serialOf(gantry)).toBeGreaterThan(serial);
  await using client = await openCraneClient();
  expect(await client.pull(`${gantry.crane}/team/many:later`)).toEqual({ digest: image(IMAGES - 1).digest });
}

/** The serial of the tree that was restored. */
async function currentSerial(gantry: Gantry): Promise<number> {
  const response = await fetch(`${gantry.admin}/metrics`);
  const serial = /^gantry_crane_serial(?:\{[^}]*\})? (\d+)$/m.exec(await response.text())?.[1];
  return Number(serial ?? Number.NaN);
}

async function verifies(name: 'second' | 'third'): Promise<void> {
  const { code, stdout, stderr } = await command(machine(name), ['verify', '--deep']);
  expect([code, code === 0 ? '' : stdout + stderr]).toEqual([0, '']);
}
