import { chmod, readdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { everyKind, fill } from '../fixtures/build-registry.ts';
import { type DockerRegistry, startDockerRegistry } from '../servers/docker-registry.ts';
import { freePorts } from '../servers/free-port.ts';
import { ADMIN_TOKEN, embeddedConfiguration, type Gantry, gantry, startGantry } from '../servers/gantry.ts';
import { type Nginx, startNginx } from '../servers/nginx.ts';
import { needs } from '../servers/parts.ts';
import { run } from '../servers/run.ts';
import { type TemporaryFolder, temporaryFolder } from '../servers/temporary-folder.ts';
import { until } from '../servers/until.ts';
import { release } from './world.ts';

/**
 * After a publication each mirror is followed until it serves it: one that the kit keeps, one that stands still, one with
 * other bytes and one that is not there.
 */

const KIT = fileURLToPath(new URL('../../scripts/mirror/gantry-mirror', import.meta.url));
const content = everyKind().filter(({ name }) => /multi|plain/.test(name));
const ITEMS = [
  { repository: 'multi/index', reference: '1' },
  { repository: 'plain/oci', reference: 'latest' },
];

interface AtMirror {
  readonly mirror: string;
  readonly state: string;
  readonly served: number | null;
  readonly sampled: number;
  readonly problem: { readonly detail: string } | null;
}

let folder: TemporaryFolder;
let registry: DockerRegistry;
let server: Gantry;
let mirrors: readonly Nginx[] = [];
const real = needs('docker-registry', 'nginx', 'rsync').showing(() => [server, ...mirrors]);

const TOKEN = { Authorization: `Bearer ${ADMIN_TOKEN}` };
const at = (name: string) => path.join(folder.path, name);
const copyTo = (name: string) => run('sh', [KIT, '--quiet', at('data/tree'), at(name)]);
const atMirrors = async (serial: number) => {
  const { body } = await server.api.call<{ items: AtMirror[] }>(
    'GET',
    `/api/v1/publications/${serial}/mirrors`,
  );
  return Object.fromEntries(body.items.map((item) => [item.mirror, item]));
};
const stated = (found: Readonly<Record<string, AtMirror>>) =>
  Object.entries(found).map(([name, { state }]) => `${name} ${state}`);

real.beforeAll(async () => {
  folder = await temporaryFolder('confirm');
  registry = await startDockerRegistry();
  await fill(registry, content);
  const [good = 0, behind = 0, corrupt = 0, gone = 0] = await freePorts(4);
  const names = { good, behind, corrupt, gone };
  const configuration = await embeddedConfiguration({
    sources: [
      {
        name: 'builds',
        registry: registry.url,
        repositories: ['candidate/**'],
        rename: { from: '^candidate/', to: '' },
      },
    ],
    crane: {
      mirrors: Object.entries(names).map(([name, port]) => ({ name, url: `http://127.0.0.1:${port}` })),
    },
  });
  server = await startGantry({
    folder: folder.path,
    configuration: {
      ...configuration,
      tree: {
        filesystem: { root: './data/tree' },
        confirm: { every: '1s', lateAfter: '8s', sample: 5 },
      },
    },
  });
  mirrors = await Promise.all(
    (['good', 'behind', 'corrupt'] as const).map((name) =>
      startNginx({ root: at(name), rules: true, port: names[name] }),
    ),
  );
}, 90_000);
real.afterAll(async () => {
  for (const one of [server, ...mirrors, registry, folder]) await one?.[Symbol.asyncDispose]();
}, 60_000);

/** The events of mirrors from now on, as `type mirror serial`. */
async function hear(): Promise<{ readonly heard: readonly string[] } & Disposable> {
  const ending = new AbortController();
  const heard: string[] = [];
  const response = await fetch(`${server.api.url}/api/v1/events?type=mirror.*`, {
    headers: TOKEN,
    signal: ending.signal,
  });
  const read = async () => {
    let rest = '';
    for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      const lines = (rest + piece).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines.filter((one) => one.startsWith('data: '))) {
        const { type, data } = JSON.parse(line.slice('data: '.length)) as {
          type: string;
          data: { mirror: string; serial: number };
        };
        heard.push(`${type} ${data.mirror} ${data.serial}`);
      }
    }
  };
  read().catch(() => undefined); // it is cut off at the end
  return { heard, [Symbol.dispose]: () => ending.abort() };
}

real.test(
  'from a promotion to mirrors that have it, and those that are late',
  async () => {
    using events = await hear();
    const serial = await release({ gantry: server }, 'stable', ITEMS);
    for (const name of ['good', 'behind', 'spoiled']) await copyTo(name);
    const manifests = await readdir(at('spoiled/pool/manifests/oci-manifest/sha256'), {
      recursive: true,
      withFileTypes: true,
    });
    for (const file of manifests.filter((entry) => entry.isFile())) {
      const place = path.join(file.parentPath, file.name);
      await chmod(place, 0o644);
      await writeFile(place, Buffer.alloc(1000, ' '));
    }
    await rename(at('spoiled'), at('corrupt'));
    const wrong =
      /^the mirror corrupt .*: not confirmed at serial 1: pool\/manifests\/\S+ has 1000 bytes there, not \d+$/;
    const judged = ['behind confirmed', 'corrupt late', 'gone late', 'good confirmed'];
    const found = await until(
      'the mirrors to be judged',
      async () => {
        const all = await atMirrors(serial);
        const isSo = stated(all).join() === judged.join();
        return isSo && wrong.test(all['corrupt']?.problem?.detail ?? '') && all;
      },
      { withinMs: 45_000 },
    );
    expect(found['good']).toMatchObject({ served: serial, problem: null });
    expect(found['good']?.sampled).toBeGreaterThan(4);
    expect(found['gone']?.problem?.detail).toMatch(
      /the mirror gone .* does not answer: connect ECONNREFUSED/,
    );
    const told = [
      'mirror.confirmed behind 1',
      'mirror.confirmed good 1',
      'mirror.late corrupt 1',
      'mirror.late gone 1',
    ];
    await until('the events', () => told.every((event) => events.heard.includes(event)));
    expect(new Set(events.heard).size).toBe(events.heard.length);

    // A second promotion comes to one of them alone.
    const promoted = await server.api.promote('stable', [
      { repository: 'multi/index', reference: '1', tags: ['again'] },
    ]);
    const next = promoted.serial as number;
    expect((await gantry(folder.path, ['mirrors', '--wait', String(next), '--timeout', '0s'])).code).toBe(75);
    await copyTo('good');
    const waited = await gantry(folder.path, ['mirrors', '--wait', String(next)]);
    expect(waited).toMatchObject({ code: 75 }); // it gives up when all others are late
    expect(waited.stdout).toMatch(/^mirror good: has it since /m);
    expect(waited.stdout).toMatch(/^mirror behind: is late, is at serial 1$/m);

    const shown = await gantry(folder.path, ['promotions', 'show', promoted.id]);
    expect(shown.stdout).toMatch(/^mirror good: has it since /m);
    expect((await gantry(folder.path, ['why', promoted.id])).stdout).toMatch(/^mirror behind: is late/m);
    const { body } = await server.api.call<{ timeline: { note?: string }[]; mirrors: AtMirror[] }>(
      'GET',
      `/api/v1/promotions/${promoted.id}`,
    );
    const notes = body.timeline.flatMap(({ note }) => note ?? []);
    expect(notes).toContain('mirror good has serial 2');
    expect(notes).toContain('mirror behind is late with serial 2');
    expect(body.mirrors.map(({ mirror }) => mirror)).toEqual(['good', 'behind', 'corrupt', 'gone']);
  },
  120_000,
);

real.test(
  'each mirror is listed with how far it is behind, and what is mended is confirmed',
  async () => {
    await rm(at('corrupt/pool/manifests'), { recursive: true });
    for (const name of ['behind', 'corrupt'])
      await run('sh', [KIT, '--quiet', '--full', at('data/tree'), at(name)]);
    const wanted = ['behind confirmed', 'corrupt confirmed', 'gone late', 'good confirmed'];
    await until('the mirrors to be mended', async () => stated(await atMirrors(2)).join() === wanted.join(), {
      withinMs: 45_000,
    });
    const table = (await gantry(folder.path, ['mirrors', '--output', 'plain'])).stdout;
    const rows = table
      .trim()
      .split('\n')
      .map((line) => line.split('\t'));
    expect(rows.map(([name, serial, confirmed, behind]) => [name, serial, confirmed, behind])).toEqual([
      ['behind', '2', '2', '0'],
      ['corrupt', '2', '2', '0'],
      ['gone', '-', '-', '-'],
      ['good', '2', '2', '0'],
    ]);
    expect(rows.map((row) => row[6])).toEqual(['right', 'right', '-', 'right']);
    const metrics = await (await fetch(`${server.api.url}/metrics`, { headers: TOKEN })).text();
    expect(metrics).toMatch(/^gantry_mirror_serial\{mirror="good".*\} 2$/m);
    expect(metrics).toMatch(/^gantry_mirror_lag_seconds\{mirror="behind".*\} 0$/m);
    expect(metrics).toMatch(/^gantry_mirror_problem\{mirror="gone".*\} 1$/m);
  },
  60_000,
);
