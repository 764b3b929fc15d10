import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInProcessRegistry, type InProcessRegistry } from '@gantry/registry';
import type { Page, Work } from '../clients/gantry-api.ts';
import { helloImage } from '../fixtures/build-registry.ts';
import {
  embeddedConfiguration,
  type Gantry,
  gantry as command,
  startGantry,
  writeConfiguration,
} from '../servers/gantry.ts';
import { withLogs } from '../servers/process.ts';
import { type TemporaryFolder, temporaryFolder } from '../servers/temporary-folder.ts';
import { until } from '../servers/until.ts';

/** How a release is made, and taken back, by the command line: those who test, those who release and those who agree each have a token. */
const first = helloImage('app, first');
const second = helloImage('app, second');
const leaking = helloImage('app, with a secret');

const GATES = [
  { name: 'tests', wait: '1h', results: { testcases: ['smoke', 'upgrade'], sources: ['ci'] } },
  { approvals: { count: 1, groups: ['board'] } },
];
const CHANNELS = [
  { name: 'testing', prefix: 'testing/' },
  { name: 'stable', gates: GATES, tags: { immutable: ['/[0-9.]+/'] } },
];

function buildRegistry(): InProcessRegistry {
  const registry = createInProcessRegistry();
  registry.push('team/app', first, '1.0', 'latest');
  registry.push('team/app', second, '2.0');
  registry.push('team/app', leaking, '3.0');
  registry.push('team/tool', helloImage('tool'), '1.0');
  return registry;
}

interface Plan {
  readonly id: string;
  readonly etag: string;
  readonly totals: { readonly adds: number; readonly moves: number; readonly noops: number };
}

let folder: TemporaryFolder;
let gantry: Gantry;
const opened = new AsyncDisposableStack();
/** The token of each role, once it is made. */
const tokens: Record<string, string> = {};

beforeAll(async () => {
  folder = opened.use(await temporaryFolder('release-tooling'));
  const { url } = opened.use(await buildRegistry().listen());
  const configuration = await embeddedConfiguration({ sources: [{ name: 'builds', registry: url }] });
  gantry = opened.use(
    await startGantry({ folder: folder.path, configuration: { ...configuration, channels: CHANNELS } }),
  );
}, 60_000);

afterAll(() => opened.disposeAsync(), 60_000);

/** Runs a command, its words separated by blanks, as one of those who have tokens. */
const as = (role: string, line: string) =>
  command(folder.path, line.split(' '), { env: { GANTRY_TOKEN: tokens[role] } });

/** The same, of one that must end with `code`; gives what it printed. */
async function run(role: string, line: string, code = 0): Promise<string> {
  const ended = await as(role, line);
  if (ended.code === code) return ended.stdout + (code === 0 ? '' : ended.stderr);
  throw withLogs(new Error(`exit ${ended.code} of gantry ${line}\n${ended.stderr}${ended.stdout}`), [gantry]);
}

const json = async <T>(role: string, line: string) =>
  JSON.parse(await run(role, `${line} --output json`)) as T;

/** The digest of a tag at the crane, or the status when there is none. */
async function published(tag: string) {
  const place = `http://${gantry.crane}/v2/team/app/manifests/${tag}`;
  const response = await fetch(place, { method: 'HEAD' });
  return response.ok ? response.headers.get('docker-content-digest') : response.status;
}

/** The promotion that waits for its gates, once it does. */
const waiting = () =>
  until('a promotion to wait for its gates', async () => {
    const { items } = await json<Page<Work & { gates: readonly object[] }>>(
      'release',
      'promotions --state gating --to stable',
    );
    return items.find(({ gates }) => gates.length > 0)?.id;
  });

test('each role gets a token that is printed once, and may do just its own', async () => {
  for (const [role, scopes] of [
    ['ci', 'read report:ci'],
    ['release', 'read promote:stable'],
    ['board', 'read approve:stable --group board'],
  ] as const) {
    const made = await run('admin', `tokens make ${role} --scope ${scopes} --expires 1d --output plain`);
    expect(made).toMatch(/^\S+\n$/);
    tokens[role] = made.trim();
    expect(await run(role, 'whoami')).toContain(`${role}\n  scopes: read `);
  }
  expect(await run('admin', 'tokens')).toMatch(/^board .*\bboard\b/m);
  expect(await run('ci', 'promote team/app:1.0 --to stable', 1)).toContain('ci lacks the scope promote:');
  await run('admin', 'sync');
}, 60_000);

test('a plan is a diff, and why says beforehand what is missing', async () => {
  const plan = await run('release', 'promote team/app:1.0 --to stable --tag 1.0 latest --dry-run');
  expect(plan).toContain('+ team/app:1.0 ');
  expect(plan).toContain('stable: 2 tags added, 0 moved, 0 unchanged, 0 refused;');
  const why = await run('release', 'why team/app:1.0 --to stable', 3);
  expect(why).toMatch(/! smoke|\? smoke/);
  expect(why).toContain('requirements are not satisfied');
  expect(await published('1.0')).toBe(404);
}, 60_000);

test('a plan is applied, waits for tests and approval, and is published once they are there', async () => {
  const plan = await json<Plan>('release', 'promote team/app:1.0 --to stable --tag 1.0 latest --dry-run');
  const words = `promote --plan ${plan.id} --to stable --if-match ${plan.etag} --wait`;
  const promoting = as('release', words);
  const id = await waiting();
  expect(await run('release', `why ${id}`, 3)).toContain(`gantry approve ${id}`);
  expect(await run('release', `approve ${id}`, 1)).toContain('lacks the scope approve:');

  await run('ci', 'results add team/app:1.0 smoke PASSED --url https://ci.example.org/1');
  const waive = 'waive stable team/app:1.0 --gate tests --requirement upgrade --reason flaky --expires 1h';
  expect(await run('board', waive)).toContain('upgrade of gate tests of stable');
  expect(await run('board', 'waivers --channel stable')).toContain('in force');
  expect(await run('board', `approve ${id} --comment fine`)).toContain('approved by board');

  const { code, stdout, stderr } = await promoting;
  expect([code, code === 0 ? '' : stderr]).toEqual([0, '']);
  expect(stdout).toMatch(new RegExp(`promotion ${id} to stable: done, serial \\d+`));
  expect(stderr).toContain(`promotion ${id} to stable: gating`);
  expect(stderr).toMatch(/gate tests waits, team\/app: /);
  expect(await published('1.0')).toBe(first.digest);
  expect(await published('latest')).toBe(first.digest);
  const explained = await run('release', `why ${id}`);
  expect(explained).toContain('gate tests (results): waived');
  expect(explained).toMatch(/w upgrade .*\n(?: {8}.*\n)* {8}waiver /);
  expect(await run('ci', 'results list team/app:1.0')).toContain('smoke');
}, 60_000);

test('a test that failed refuses: exit 3, and nothing is published', async () => {
  const promoting = as('release', 'promote team/app:2.0 --to stable --wait');
  await waiting();
  await run('ci', 'results add team/app:2.0 upgrade FAILED');
  await run('ci', 'results add team/app:2.0 smoke PASSED');
  const { code, stderr } = await promoting;
  expect(code).toBe(3);
  expect(stderr).toContain('upgrade');
  expect(await published('2.0')).toBe(404);
  const [refused] = (await json<Page<Work>>('release', 'promotions --state refused')).items;
  expect(await run('release', `why ${refused?.id}`, 3)).toContain('! upgrade (test-result-failed)');
}, 60_000);

test('a plan whose base has moved is refused with what moved; an immutable tag gets no other digest', async () => {
  const dryRun = `promote team/app@${second.digest} --to testing --tag latest --dry-run`;
  const plan = await json<Plan>('admin', dryRun);
  await run('admin', 'promote team/app:latest --to testing --wait');
  const moved = await run('admin', `promote --plan ${plan.id} --to testing`, 1);
  expect(moved).toContain(`team/app:latest from nothing to ${first.digest}`);

  const immutable = await run(
    'release',
    `promote team/app@${second.digest} --to stable --tag 1.0 --dry-run`,
    3,
  );
  expect(immutable).toMatch(/^! team\/app@sha256:/m);
  expect(immutable).not.toContain('does just this');
}, 60_000);

test('a promotion that waits is cancelled, and whoever follows it is told', async () => {
  const promoting = as('release', 'promote team/tool:1.0 --to stable --wait');
  const id = await waiting();
  await run('release', `promotions cancel ${id}`);
  expect(await promoting).toMatchObject({ code: 1, stdout: expect.stringContaining('cancelled') });
  expect(await run('release', `promotions cancel ${id}`, 1)).toContain('is cancelled');
}, 60_000);

test('what was published is retracted', async () => {
  const promoted = await run('release', 'retract stable team/app:latest --reason broken --wait');
  expect(promoted).toMatch(/to stable: done, serial \d+/);
  expect(await published('latest')).toBe(404);
  expect(await published('1.0')).toBe(first.digest);
}, 60_000);

test('what leaks a secret is purged: asked for with --yes, gone at once, and kept out', async () => {
  await run('admin', 'promote team/app:3.0 --to testing --wait');
  const secret = leaking.digest;
  expect(await run('admin', `purge ${secret} --reason key --wait`, 2)).toContain('say --yes');
  expect(await run('admin', `purge ${secret} --reason key --wait --yes`)).toContain(`purge ${secret}: done`);
  const place = `http://${gantry.crane}/v2/testing/team/app/manifests/${secret}`;
  expect((await fetch(place, { method: 'HEAD', redirect: 'manual' })).status).toBe(404);
  await as('admin', 'sync');
  expect(await run('admin', `promote team/app:3.0 --to testing --dry-run`, 3)).toMatch(/^! team\/app:3.0/m);
}, 60_000);

test('read-only refuses changes for a while, and says why', async () => {
  await run('admin', 'read-only on --reason moving');
  expect(await run('release', 'promote team/app:1.0 --to stable', 75)).toContain('moving');
  expect(await run('release', 'read-only')).toContain('read-only: on, by admin');
  await run('admin', 'read-only off');
}, 60_000);

test('who did what stands in a log that can be proven, with and without the server', async () => {
  const list = await run('admin', 'audit --actor board');
  expect(list).toContain('board');
  expect(list).toContain('done');
  expect(await run('admin', 'audit verify')).toMatch(
    /^\d+ entries, none changed, the last is \d+ with hash /,
  );
  const log = await run('admin', 'audit export');
  const file = path.join(folder.path, 'audit.jsonl');
  await writeFile(file, log);
  await run('admin', 'audit verify audit.jsonl');
  await writeFile(file, (await readFile(file, 'utf8')).replace('"actor":"release"', '"actor":"someone"'));
  expect(await run('admin', 'audit verify audit.jsonl', 1)).toMatch(/broken: entry \d+ was changed/);
}, 60_000);

test('a token that was revoked lets nobody in', async () => {
  await run('admin', 'tokens revoke ci');
  expect(await run('ci', 'whoami', 1)).toContain('gantry: ');
}, 60_000);

test('without a server gates and rules hold too, a plan is applied, and the audit log says who did it', async () => {
  await using resources = new AsyncDisposableStack();
  const place = resources.use(await temporaryFolder('release-local')).path;
  const { url } = resources.use(await buildRegistry().listen());
  const configuration = await embeddedConfiguration({ sources: [{ name: 'builds', registry: url }] });
  await writeConfiguration(place, { ...configuration, channels: CHANNELS });
  const local = (line: string) => command(place, `${line} --local`.split(' '));

  expect(await local('sync')).toMatchObject({ code: 0 });
  const planned = await local('promote team/app:1.0 --to testing --dry-run --output json');
  const { id } = JSON.parse(planned.stdout) as Plan;
  expect(await local(`promote --plan ${id} --to testing --wait`)).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/to testing: done, serial 1\n$/),
  });
  const waits = await local('promote team/app:1.0 --to stable --wait');
  expect(waits).toMatchObject({ code: 1, stdout: expect.stringContaining('to stable: gating') });
  const key = /it waits for its gates: .* --idempotency-key (\S+),/.exec(waits.stderr)?.[1];
  const again = await local(`promote team/app:1.0 --to stable --wait --idempotency-key ${key}`);
  expect(again).toMatchObject({ code: 1, stdout: waits.stdout });

  const started = await startGantry({
    folder: place,
    configuration: { ...configuration, channels: CHANNELS },
  });
  resources.use(started);
  const audit = await command(place, 'audit --actor local --output plain'.split(' '));
  expect(audit.stdout.split('\n').map((line) => line.split('\t').slice(2, 5))).toEqual([
    ['local', 'cli', 'createPromotion'],
    ['local', 'cli', 'createPromotion'],
    ['local', 'cli', 'createPromotion'],
    ['local', 'cli', 'createSync'],
    [],
  ]);
}, 60_000);
