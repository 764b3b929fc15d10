import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { layTree } from '@gantry/tree';
import { embeddedConfiguration, type Gantry, startGantry } from '../servers/gantry.ts';
import { type TemporaryFolder, temporaryFolder } from '../servers/temporary-folder.ts';
import { until } from '../servers/until.ts';

/** `crane.redirectJson` with `crane.workers: 2`, before there is a tree and beside one. */

const CONNECTIONS = 40;

/** Lays a redirect file whose content is in a folder of the CDN. */
function put(name: string, place: string): Promise<void> {
  const file = { version: 2, repository: name, 'repo-registry-id': name, url: `http://cdn.example/${place}` };
  return replace(`${path.basename(name)}.json`, JSON.stringify(file));
}

/** At once and as a whole: nobody can read the half of it. */
async function replace(name: string, text: string): Promise<void> {
  const file = path.join(folder.path, 'metadata', name);
  await writeFile(`${file}.new`, text);
  await rename(`${file}.new`, file);
}

/** What so many are answered, each on a connection of its own: whichever worker takes it. */
const askOften = (target: string, more = {}) =>
  Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      const { status, headers } = await fetch(`http://${crane.crane}${target}`, {
        redirect: 'manual',
        headers: { connection: 'close', ...more },
      });
      return headers.get('location') ?? String(status);
    }),
  );
const untilAllSay = (target: string, wanted: string) =>
  until(`all to say ${wanted}`, async () => (await askOften(target)).every((said) => said === wanted));

/** The sum of a metric's samples that have these labels. */
async function metric(name: string, label = ''): Promise<number> {
  const text = await (await fetch(`${crane.admin}/metrics`)).text();
  const samples = text.split('\n').filter((line) => /^\w+/.exec(line)?.[0] === name && line.includes(label));
  return samples.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

/** The process that has the metrics reads the files by itself, and may still wait for one that is gone to come back. */
const untilFiles = (state: string, count: number) =>
  until(
    `${count} to be ${state}`,
    async () => (await metric('gantry_crane_redirect_files', `state="${state}"`)) === count,
  );

const hidden = {
  private: {
    repositories: ['corp/**'],
    readers: [{ users: ['alice'], repositories: ['corp/**'] }],
    challenge: [],
    htpasswdFile: './htpasswd',
  },
};
/** As `htpasswd -B -C 4` writes it. */
const HTPASSWD = 'alice:$2y$04$qwTBjz1vOMJfho20.hn3T.1q2IMpGQbilb26Z.2veZxfnBWw/Itqi\n';
const ALICE = { authorization: `Basic ${Buffer.from('alice:right').toString('base64')}` };

let folder: TemporaryFolder;
let crane: Gantry;
beforeAll(async () => {
  folder = await temporaryFolder('redirect-json-workers');
  const { crane: configuration } = await embeddedConfiguration({
    crane: {
      workers: 2,
      redirectJson: ['./metadata'],
      catalog: true,
      mirrors: [],
      tree: './tree',
      ...hidden,
    },
  });
  await mkdir(path.join(folder.path, 'metadata'));
  await put('app', 'first');
  await writeFile(path.join(folder.path, 'htpasswd'), HTPASSWD);
  crane = await startGantry({
    folder: folder.path,
    configuration: { crane: configuration },
    service: 'crane',
  });
}, 60_000);
afterAll(async () => {
  await crane?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
}, 30_000);

const blob = `blobs/sha256:${'9'.repeat(64)}`;
const of = (name: string) => `/v2/${name}/${blob}`;
const at = (place: string) => `http://cdn.example/${place}/${blob}`;

test('both workers answer by the redirect files, and all that they count is one sum', async () => {
  expect(await (await fetch(`${crane.admin}/readyz`)).json()).toEqual({
    status: 'ok',
    checks: { workers: 'ok', tree: 'ok', 'redirect-json': 'ok' },
  });
  expect(new Set(await askOften(of('app')))).toEqual(new Set([at('first')]));
  expect(await metric('gantry_crane_requests_total', 'route="blob"')).toBe(CONNECTIONS);
  expect(await metric('gantry_crane_redirect_files', 'state="loaded"')).toBe(1);
});

test('a file that changes, comes or goes does so for both', async () => {
  await put('app', 'second');
  await put('other', 'other');
  await untilAllSay(of('app'), at('second'));
  await untilAllSay(of('other'), at('other'));
  await rm(path.join(folder.path, 'metadata/other.json'));
  await untilAllSay(of('other'), '404');
  await untilFiles('loaded', 1);
  expect(await askOften(of('app'))).toContain(at('second'));
});

test('a file that is wrong is told of once, and counted once', async () => {
  await replace('app.json', '{"version": 9}');
  await until('the warning', () => crane.log().includes('app.json'));
  await untilAllSay(of('app'), at('second'));
  await untilFiles('kept', 1);
  await put('app', 'third');
  await untilAllSay(of('app'), at('third'));
  const warnings = crane
    .log()
    .split('\n')
    .filter((line) => line.includes('app.json'));
  expect(warnings).toHaveLength(1);
  expect(await metric('gantry_crane_reload_failures_total', 'reason="redirect-file"')).toBe(1);
});

test('what is private is hidden by both', async () => {
  await put('corp/tool', 'corp');
  const said = async () => new Set(await askOften(of('corp/tool'), ALICE));
  await until('alice to get it', async () => isDeepStrictEqual(await said(), new Set([at('corp')])));
  expect(new Set(await askOften(of('corp/tool')))).toEqual(new Set(['404']));
});

test('beside a tree the names of both are in one catalogue, and what the tree has is the tree’s', async () => {
  await layTree(path.join(folder.path, 'tree'), {
    repositories: [{ name: 'app', tags: new Map(), manifests: [], blobs: [Buffer.from('a layer')] }],
  });
  await put('zoo', 'zoo');
  await untilAllSay(of('app'), '404');
  await untilAllSay(of('zoo'), at('zoo'));
  const catalogue = await fetch(`http://${crane.crane}/v2/_catalog`);
  expect(await catalogue.json()).toEqual({ repositories: ['app', 'zoo'] });
});
