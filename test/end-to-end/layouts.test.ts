import { access, mkdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { MANIFEST_MEDIA_TYPES } from '@gantry/oci';
import type { Client } from '../clients/client.ts';
import { openCraneClient } from '../clients/crane.ts';
import { openDocker } from '../clients/docker.ts';
import { openPodman } from '../clients/podman.ts';
import { openRegctl, referrersByRegctl } from '../clients/regctl.ts';
import { openSkopeo } from '../clients/skopeo.ts';
import { digestIn, everyKind } from '../fixtures/build-registry.ts';
import { startApache } from '../servers/apache.ts';
import { startCaddy } from '../servers/caddy.ts';
import { startDockerd } from '../servers/dockerd.ts';
import { freePorts } from '../servers/free-port.ts';
import { ADMIN_TOKEN, gantry } from '../servers/gantry.ts';
import { startNginx } from '../servers/nginx.ts';
import { needs, type Part } from '../servers/parts.ts';
import type { ServerProcess } from '../servers/process.ts';
import { type PulpCrane, startPulpCrane } from '../servers/pulp-crane.ts';
import { run } from '../servers/run.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';
import { until } from '../servers/until.ts';
import { openWorld, release, type World, WORLD_PARTS } from './world.ts';

/** Real clients take what was published from the layouts, by real web servers with the shipped rules, and from archives. */

const IMAGES = [
  { repository: 'plain/docker', tag: 'latest', hello: 'docker amd64' },
  { repository: 'plain/oci', tag: 'v1.2.3', hello: 'oci amd64' },
  { repository: 'plain/odd-tags', tag: '__proto__', hello: 'odd amd64' },
  { repository: 'multi/list', tag: '1', hello: 'list amd64' },
  { repository: 'multi/index', tag: '1', hello: 'index amd64' },
  { repository: 'signed/app', tag: '2.0', hello: 'signed amd64' },
] as const;
const content = everyKind();
const tagged = (repository: string, tag: string) =>
  content.find(({ name }) => name === `candidate/${repository}`)?.tags.get(tag);

const rules = (file: string) => fileURLToPath(new URL(`../../scripts/layouts/${file}`, import.meta.url));
interface WebServer extends ServerProcess {
  readonly url: string;
}
const WEB_SERVERS: readonly {
  part: Part;
  start: (root: string, of: string, port?: number) => Promise<WebServer>;
}[] = [
  {
    part: 'nginx',
    start: (root, of, port) =>
      startNginx({ root, rules: rules(`${of}/nginx.conf`), ...(port !== undefined && { port }) }),
  },
  { part: 'apache2', start: (root, of) => startApache(root, rules(`${of}/apache.conf`)) },
  {
    part: 'caddy',
    start: (root, of) => startCaddy(root, { file: rules(`${of}/Caddyfile`), name: `gantry_${of}` }),
  },
];
const CLIENTS: readonly { parts: readonly Part[]; open: () => Promise<Client> }[] = [
  { parts: ['docker', 'dockerd'], open: openDocker },
  { parts: ['podman'], open: openPodman },
  { parts: ['skopeo'], open: openSkopeo },
  { parts: ['crane'], open: openCraneClient },
  { parts: ['regctl'], open: openRegctl },
];

let world: World;
let pulpPort = 0;
const shown: ServerProcess[] = [];
const withParts = (...parts: readonly Part[]) =>
  needs(...WORLD_PARTS, ...parts).showing(() => [...(world?.servers ?? []), ...shown]);
const real = withParts();
const layout = (...names: string[]) => path.join(world.folder, 'layouts', ...names);

/** Waits until the layouts are at that serial, as the figures tell. */
async function layoutsAt(serial: number): Promise<void> {
  await until(`the layouts to be at serial ${serial}`, async () => {
    const metrics = await (
      await fetch(`${world.gantry.api.url}/metrics`, {
        headers: { Authorization: `Bearer ${ADMIN_TOKEN}` },
      })
    ).text();
    const serials = [...metrics.matchAll(/^gantry_layout_serial\{.*\} (\d+)$/gm)].map(([, found]) =>
      Number(found),
    );
    const behind = [...metrics.matchAll(/^gantry_layout_behind\{.*\} (\d)$/gm)].map(([, found]) => found);
    return serials.length === 3 && serials.every((one) => one >= serial) && behind.join('') === '000';
  });
}

real.beforeAll(async () => {
  [pulpPort = 0] = await freePorts(1);
  world = await openWorld(content, {
    tree: {
      filesystem: { root: './data/tree' },
      layouts: ['pulp', 'registry', 'oci'],
      layoutsRoot: './layouts',
      layoutsUrl: `http://127.0.0.1:${pulpPort}/`,
    },
  });
  const promoted = IMAGES.map(({ repository, tag }) => ({ repository, reference: tag }));
  await layoutsAt(await release(world, 'stable', promoted));
}, 120_000);
real.afterAll(async () => world?.[Symbol.asyncDispose](), 60_000);

describe.each(WEB_SERVERS)('the layout registry behind $part', ({ part, start }) => {
  const withServer = withParts(part);
  let server: WebServer;
  withServer.beforeAll(async () => {
    server = await start(layout('registry'), 'registry');
    shown.push(server);
  });
  withServer.afterAll(async () => server?.[Symbol.asyncDispose]());
  const ask = (place: string, init?: RequestInit) => fetch(`${server.url}/v2/${place}`, init);
  const host = () => new URL(server.url).host;

  for (const { parts, open } of CLIENTS) {
    const withClient = withParts(part, ...parts);
    withClient.test(
      `is pulled from by ${parts[0]}, by tag and by digest`,
      async () => {
        await using client = await open();
        for (const { repository, tag, hello } of IMAGES) {
          const digest = digestIn(content, repository, tag);
          for (const reference of [`${repository}:${tag}`, `${repository}@${digest}`]) {
            const pulled = await client.pull(`${host()}/${reference}`);
            const expected = { digest, ...(pulled.hello === undefined ? {} : { hello }) };
            expect({ reference, ...pulled }).toEqual({ reference, ...expected });
          }
        }
        await expect(client.pull(`${host()}/plain/docker:old`)).rejects.toThrow(/unknown|not found|404/i);
      },
      180_000,
    );
  }

  withServer.test('answers /v2/, and HEAD as GET', async () => {
    for (const place of [
      '',
      'plain/oci/manifests/v1.2.3',
      `plain/oci/blobs/${tagged('plain/oci', 'v1.2.3')?.blobs[0]?.digest}`,
    ]) {
      const [get, head] = await Promise.all([ask(place), ask(place, { method: 'HEAD' })]);
      expect([place, get.status, head.status]).toEqual([place, 200, 200]);
      expect(head.headers.get('content-type')).toBe(get.headers.get('content-type'));
      expect(Number(head.headers.get('content-length'))).toBe((await get.arrayBuffer()).byteLength);
    }
    expect(await (await ask('')).json()).toEqual({});
  });

  withServer.test(
    'serves each manifest as what it is, uncompressed, and no file that is not the API',
    async () => {
      for (const { repository, tag } of IMAGES) {
        const made = tagged(repository, tag);
        for (const reference of [tag, made?.digest ?? '', made?.digest.replace(':', '%3A') ?? '']) {
          const response = await ask(`${repository}/manifests/${reference}`, {
            headers: { 'Accept-Encoding': 'gzip' },
          });
          expect([response.status, response.headers.get('content-type')]).toEqual([200, made?.mediaType]);
          expect(response.headers.get('content-encoding')).toBeNull();
          expect(response.headers.get('cache-control')).toBe('no-cache');
          expect(response.headers.get('docker-content-digest')).toBe(reference === tag ? null : made?.digest);
          expect(Buffer.from(await response.arrayBuffer())).toEqual(made?.bytes);
        }
      }
      const list = await ask('plain/oci/tags/list');
      expect(list.headers.get('content-type')).toBe('application/json');
      expect(await list.json()).toEqual({ name: 'plain/oci', tags: ['v1.2.3'] });
      for (const place of [
        '.gantry.json',
        '.tmp/',
        'v2/plain/oci/',
        'v2/plain/oci/manifests/',
        'v2/nothing/manifests/x',
      ])
        expect([403, 404]).toContain((await fetch(`${server.url}/${place}`)).status);
    },
  );

  const withRegctl = withParts(part, 'regctl');
  withRegctl.test('tells what refers to an image', async () => {
    const app = tagged('signed/app', '2.0');
    expect(await referrersByRegctl(`${host()}/signed/app@${app?.digest}`)).toHaveLength(1);
    const response = await ask(`signed/app/referrers/${app?.digest}`);
    expect(response.headers.get('content-type')).toBe(MANIFEST_MEDIA_TYPES['oci-index']);
  });
});

describe.each(WEB_SERVERS)('the layout pulp behind $part', ({ part, start }) => {
  const withServer = withParts(part);
  let server: WebServer;
  withServer.beforeAll(async () => {
    server = await start(layout('pulp'), 'pulp', pulpPort);
    shown.push(server);
  });
  withServer.afterAll(async () => server?.[Symbol.asyncDispose]());

  /** What a place is answered with: its status and Content-Type. */
  const at = async (place: string) => {
    const response = await fetch(`${server.url}/${place}`, { headers: { 'Accept-Encoding': 'gzip' } });
    if (response.ok) expect(response.headers.get('content-encoding')).toBeNull();
    await response.body?.cancel();
    return [response.status, response.headers.get('content-type')];
  };

  withServer.test('has the Content-Type of each folder', async () => {
    const digest = (repository: string, tag: string) => tagged(repository, tag)?.digest ?? '';
    expect(await at('plain/docker/manifests/2/latest')).toEqual([
      200,
      MANIFEST_MEDIA_TYPES['docker-manifest'],
    ]);
    expect(await at(`multi/list/manifests/list/${digest('multi/list', '1')}`)).toEqual([
      200,
      MANIFEST_MEDIA_TYPES['docker-list'],
    ]);
    expect(await at('multi/index/manifests/1/1')).toEqual([200, MANIFEST_MEDIA_TYPES['oci-index']]);
    expect(await at(`plain/oci/manifests/1/${digest('plain/oci', 'v1.2.3')}`)).toEqual([
      200,
      MANIFEST_MEDIA_TYPES['oci-manifest'],
    ]);
    expect(await at('plain/oci/tags/list')).toEqual([200, 'application/json']);
    const blob = tagged('plain/oci', 'v1.2.3')?.blobs[0]?.digest;
    expect(await at(`plain/oci/blobs/${blob}`)).toEqual([200, 'application/octet-stream']);
    for (const place of ['.gantry.json', '_app/plain+oci.json', 'plain/docker/manifests/1/latest'])
      expect((await at(place))[0]).toBe(404);
  });
});

describe("the layout pulp behind Crane's redirects", () => {
  let crane: PulpCrane;
  const opened = new AsyncDisposableStack();
  real.beforeAll(async () => {
    const root = layout('pulp');
    shown.push(opened.use(await startNginx({ root, rules: rules('pulp/nginx.conf'), port: pulpPort })));
    crane = opened.use(await startPulpCrane(layout('pulp', '_app')));
  });
  real.afterAll(() => opened.disposeAsync());

  for (const { parts, open } of CLIENTS) {
    const withClient = withParts(...parts);
    withClient.test(
      `is pulled from by ${parts[0]}`,
      async () => {
        await using client = await open();
        for (const { repository, tag, hello } of IMAGES) {
          const pulled = await client.pull(`${crane.host}/${repository}:${tag}`);
          const expected = {
            digest: digestIn(content, repository, tag),
            ...(pulled.hello === undefined ? {} : { hello }),
          };
          expect({ repository, ...pulled }).toEqual({ repository, ...expected });
        }
      },
      120_000,
    );
  }

  real.test('an old client, which knows no list, gets the image for linux/amd64 of a list', async () => {
    const response = await fetch(`http://${crane.host}/v2/multi/list/manifests/1`, {
      headers: { Accept: MANIFEST_MEDIA_TYPES['docker-manifest'] },
    });
    expect(response.headers.get('content-type')).toBe(MANIFEST_MEDIA_TYPES['docker-manifest']);
    expect(Buffer.from(await response.arrayBuffer())).toEqual(tagged('multi/list', '1')?.children[0]?.bytes);
  });
});

const withSkopeo = withParts('skopeo');
withSkopeo.test(
  'skopeo copies from the layout oci, and from an archive, by name',
  async () => {
    await using folder = await temporaryFolder('layouts');
    const tar = path.join(folder.path, 'out.tar');
    const exported = await gantry(world.folder, [
      'save',
      'multi/index',
      'signed/app',
      'plain/docker',
      '--file',
      tar,
    ]);
    expect(exported).toMatchObject({ code: 0 });
    const from = [
      ['multi/index', '1', `oci:${layout('oci', 'multi/index')}:1`],
      ['signed/app', '2.0', `oci-archive:${tar}:signed/app:2.0`],
    ] as const;
    for (const [index, [repository, tag, place]] of from.entries()) {
      const to = path.join(folder.path, `${index}`);
      await run('skopeo', ['copy', '--all', '--insecure-policy', place, `dir:${to}`]);
      expect(await readFile(path.join(to, 'manifest.json'))).toEqual(tagged(repository, tag)?.bytes);
    }
  },
  60_000,
);

const withRegctl = withParts('regctl');
withRegctl.test(
  "regctl reads a Docker image from the layout oci, which skopeo doesn't look for there",
  async () => {
    const place = `ocidir://${layout('oci', 'plain/docker')}:latest`;
    const body = await run('regctl', ['manifest', 'get', '--format', 'raw-body', place]);
    expect(body).toBe(tagged('plain/docker', 'latest')?.bytes.toString());
  },
);

real.test(
  'a later promotion is in the layouts soon, and a publication puts back what is missing there',
  async () => {
    await layoutsAt(await release(world, 'stable', [{ repository: 'plain/docker', reference: 'old' }]));
    const old = layout('registry', 'v2/plain/docker/manifests/old');
    expect(await readFile(old)).toEqual(tagged('plain/docker', 'old')?.bytes);
    for (const how of [[], ['--local']]) {
      await rm(old);
      expect(await gantry(world.folder, ['publish', ...how])).toMatchObject({ code: 0 });
      await until('the tag to be back', () => access(old).then(() => true));
    }
    const wanted = [{ repository: 'plain/docker', reference: 'latest', tags: ['old'] }];
    await layoutsAt(await release(world, 'stable', wanted));
    expect(await readFile(old)).toEqual(tagged('plain/docker', 'latest')?.bytes);
  },
  60_000,
);

const LOADED = ['plain/docker:latest', 'plain/oci:v1.2.3', 'multi/index:1', 'signed/app:2.0'];
const withClient = withParts('podman');
withClient.test(
  'podman loads an archive of one image, and one of several',
  async () => {
    await using folder = await temporaryFolder('layouts');
    const at = (name: string) => path.join(folder.path, name);
    const podman = (...args: string[]) =>
      run('podman', [
        `--root=${at('images')}`,
        `--runroot=${at('run')}`,
        '--storage-driver=vfs',
        '--cgroup-manager=cgroupfs',
        '--events-backend=file',
        ...args,
      ]);
    for (const references of [['plain/oci:v1.2.3'], LOADED]) {
      await gantry(world.folder, ['save', ...references, '--file', at('out.tar')]);
      await podman('load', '--input', at('out.tar'));
      for (const reference of references) {
        const mounted = (await podman('image', 'mount', `localhost/${reference}`)).trim();
        const hello = IMAGES.find(({ repository, tag }) => `${repository}:${tag}` === reference)?.hello;
        expect(await readFile(path.join(mounted, 'hello'), 'utf8')).toBe(hello);
        await podman('image', 'unmount', `localhost/${reference}`);
      }
      await podman('image', 'rm', '--all', '--force');
    }
  },
  120_000,
);

const withDocker = withParts('docker', 'dockerd');
withDocker.test(
  'docker loads an archive of one image, and one of several',
  async () => {
    await using folder = await temporaryFolder('layouts');
    await using dockerd = await startDockerd();
    for (const references of [['plain/oci:v1.2.3'], LOADED]) {
      const tar = path.join(folder.path, 'out.tar');
      await gantry(world.folder, ['save', ...references, '--file', tar]);
      await dockerd.docker('load', '--input', tar);
      for (const reference of references) {
        const container = (await dockerd.docker('create', '--network=none', reference)).trim();
        const copied = path.join(folder.path, 'hello');
        await mkdir(folder.path, { recursive: true });
        await dockerd.docker('cp', `${container}:/hello`, copied);
        const hello = IMAGES.find(({ repository, tag }) => `${repository}:${tag}` === reference)?.hello;
        expect(await readFile(copied, 'utf8')).toBe(hello);
        await dockerd.docker('rm', container);
      }
    }
  },
  120_000,
);
