import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Digest, MANIFEST_MAX_BYTES, MANIFEST_MEDIA_TYPES } from '@gantry/oci';
import {
  createInProcessRegistry,
  type InProcessOptions,
  type InProcessRegistry,
  makeIndex,
  makeManifest,
} from '@gantry/registry';
import type { Work } from '../clients/gantry-api.ts';
import { helloImage } from '../fixtures/build-registry.ts';
import { freePort } from '../servers/free-port.ts';
import { embeddedConfiguration, type Gantry, gantry as command, startGantry } from '../servers/gantry.ts';
import { withLogs } from '../servers/process.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';

/** Registries that fail, each in one way: the error names the thing, the rest of the work goes on, nothing half-done is seen. */

interface Broken {
  readonly title: string;
  readonly source: string;
  readonly options?: InProcessOptions;
  /** Puts `SOURCE/bad:1` into the registry, in whichever way it is bad. */
  readonly put: (registry: InProcessRegistry, repository: string) => void;
  /** The problem's type, after `urn:gantry:problem:`. */
  readonly problem: RegExp;
  /** What the problem's sentence must name. */
  readonly names: readonly (string | RegExp)[];
}

const bad = helloImage('bad');
const layer = bad.blobs.at(-1)?.digest as Digest;
const child = helloImage('child that is not there');
const OCI = MANIFEST_MEDIA_TYPES['oci-manifest'];

const corrupt = (request: IncomingMessage, response: ServerResponse): boolean => {
  if (request.method !== 'GET' || request.url?.endsWith(`/blobs/${layer}`) !== true) return false;
  const size = bad.blobs.at(-1)?.size ?? 0;
  response.writeHead(200, { 'content-length': size }).end(Buffer.alloc(size, 'x'));
  return true;
};

const BROKEN: readonly Broken[] = [
  {
    title: "a blob whose bytes don't match its digest",
    source: 'corrupt',
    options: { intercept: corrupt },
    put: (registry, repository) => registry.push(repository, bad, '1'),
    problem: /^(digest-invalid|content-corrupt)$/,
    names: [layer],
  },
  {
    title: 'a manifest that is not JSON',
    source: 'not-json',
    put: (registry, repository) => {
      registry.putManifest(repository, Buffer.from('<html>Sign in</html>'), OCI, '1');
    },
    problem: /^manifest-invalid$/,
    names: [/JSON/],
  },
  {
    title: 'a manifest over 4 MiB',
    source: 'huge',
    put: (registry, repository) => {
      const padding = 'x'.repeat(MANIFEST_MAX_BYTES);
      registry.putManifest(repository, makeManifest(OCI, { schemaVersion: 2, padding }).bytes, OCI, '1');
    },
    problem: /^(manifest-invalid|size-invalid)$/,
    names: [String(MANIFEST_MAX_BYTES)],
  },
  {
    title: 'an index with a child that is missing',
    source: 'childless',
    put: (registry, repository) => {
      const index = makeIndex([child]);
      registry.putManifest(repository, index.bytes, index.mediaType, '1');
    },
    problem: /^(manifest-blob-unknown|manifest-unknown)$/,
    names: [child.digest],
  },
  {
    title: 'an image with a layer that is missing',
    source: 'layerless',
    put: (registry, repository) => {
      registry.push(repository, bad, '1');
      registry.deleteBlob(repository, layer);
    },
    problem: /^(manifest-blob-unknown|blob-unknown)$/,
    names: [layer],
  },
  {
    title: 'a schema 1 manifest',
    source: 'antique',
    put: (registry, repository) => {
      const mediaType = 'application/vnd.docker.distribution.manifest.v1+prettyjws';
      registry.putManifest(repository, makeManifest(mediaType, { schemaVersion: 1 }).bytes, mediaType, '1');
    },
    problem: /^manifest-invalid$/,
    names: [/schema 1/],
  },
];

let folder: string;
let gantry: Gantry;
const opened = new AsyncDisposableStack();

beforeAll(async () => {
  folder = opened.use(await temporaryFolder('sources')).path;
  const sources: object[] = [];
  const add = async (source: string, registry: InProcessRegistry) => {
    const { url } = opened.use(await registry.listen());
    sources.push({ name: source, registry: url, repositories: [`${source}/**`] });
  };
  for (const { source, options, put } of BROKEN) {
    const registry = createInProcessRegistry(options);
    registry.push(`${source}/good`, helloImage(`${source}, good`), '1');
    put(registry, `${source}/bad`);
    await add(source, registry);
  }
  const credentials = { username: 'somebody', password: 'else' };
  const closed = createInProcessRegistry({ authentication: { basic: credentials } });
  closed.push('refusing/good', helloImage('refusing'), '1');
  await add('refusing', closed);
  sources.push({
    name: 'nobody',
    registry: `http://127.0.0.1:${await freePort()}`,
    repositories: ['nobody/x'],
  });
  gantry = opened.use(await startGantry({ folder, configuration: await embeddedConfiguration({ sources }) }));
}, 60_000);

afterAll(() => opened.disposeAsync(), 60_000);

/** Syncs a source; a failure shows Gantry's log. */
async function sync(source: string): Promise<Work> {
  return gantry.api.sync(source).catch((error: unknown) => {
    throw withLogs(error, [gantry]);
  });
}

for (const { title, source, problem, names } of BROKEN) {
  test(`${title} is named in the task, the rest of the source is synced, and it can not be promoted`, async () => {
    const task = await sync(source);
    expect(task.state).toBe('partial');
    expect(task.errors).toHaveLength(1);
    const [error] = task.errors ?? [];
    expect(error?.item).toBe(`${source}/bad:1`);
    expect(error?.problem.type.replace('urn:gantry:problem:', '')).toMatch(problem);
    for (const name of names) expect(error?.problem.detail).toMatch(name);

    const candidates = await gantry.api.candidates();
    const ofSource = candidates.filter((candidate) => candidate.source === source);
    expect(ofSource.map(({ repository, tag }) => `${repository}:${tag}`)).toEqual([`${source}/good:1`]);

    const promoted = await gantry.api.promote('stable', [
      { repository: `${source}/good`, reference: '1' },
      { repository: `${source}/bad`, reference: '1' },
    ]);
    expect(promoted.state).toBe('partial');
    const refused = promoted.items?.find((item) => item.repository === `${source}/bad`);
    expect(refused?.problem?.type).toBe('urn:gantry:problem:reference-unknown');
    expect((await fetch(`http://${gantry.crane}/v2/${source}/good/manifests/1`)).status).toBe(200);
    expect((await fetch(`http://${gantry.crane}/v2/${source}/bad/manifests/1`)).status).toBe(404);
  }, 60_000);
}

test('a registry that refuses the credentials is named, and nothing is said of what it holds', async () => {
  const task = await sync('refusing');
  expect(task.state).toBe('failed');
  expect(task.errors?.[0]?.problem.type).toBe('urn:gantry:problem:source-refused');
  expect(task.errors?.[0]?.problem.detail).toContain('refusing');
}, 60_000);

test('a registry that does not answer is named, and may be tried again', async () => {
  const task = await sync('nobody');
  expect(task.state).toBe('failed');
  expect(task.errors?.[0]?.problem.type).toBe('urn:gantry:problem:source-unreachable');
  expect(task.errors?.[0]?.problem.detail).toContain('nobody');
}, 120_000);

test('the command line ends as the source failed: 1, or 75 where trying again may help; and names what failed', async () => {
  const corrupted = await command(folder, ['sync', 'corrupt']);
  expect(corrupted.code).toBe(1);
  expect(corrupted.stderr).toContain('corrupt/bad:1');
  const unreachable = await command(folder, ['sync', 'nobody'], { timeoutMs: 110_000 });
  expect(unreachable.code).toBe(75);
  expect(unreachable.stderr).toContain('nobody');
}, 120_000);
