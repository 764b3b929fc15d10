import path from 'node:path';
import { type Crane, startCrane } from '@gantry/app-crane';
import { makeImage, makeLayer } from '@gantry/registry';
import { type LaidRepository, layTree } from '@gantry/tree';
import type { SearchingClient } from '../clients/client.ts';
import { openDocker } from '../clients/docker.ts';
import { openPodman } from '../clients/podman.ts';
import { needs, type Part } from '../servers/parts.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';
import { until } from '../servers/until.ts';

/** Real clients look for repositories: by the crane's index, and podman also where there is none, in the catalogue. */

const CLIENTS: readonly {
  name: Part;
  parts: readonly Part[];
  open: () => Promise<SearchingClient>;
  /** How it writes the name of a repository that it found. */
  written: (host: string, name: string) => string;
}[] = [
  { name: 'docker', parts: ['docker', 'dockerd'], open: openDocker, written: (_, name) => name },
  { name: 'podman', parts: ['podman'], open: openPodman, written: (host, name) => `${host}/${name}` },
];

interface World extends AsyncDisposable {
  readonly searching: string;
  readonly listing: string;
}

async function openWorld(): Promise<World> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await temporaryFolder('search'));
  const tree = path.join(folder.path, 'tree');
  await layTree(tree, {
    repositories: [
      described('web/httpd', 'The Apache HTTP Server'),
      described('web/nginx', 'A server and proxy'),
      described('library/httpd-tools', 'Benchmarks'),
      ...Array.from({ length: 40 }, (_, index) => described(`many/app-${index}`, 'One of many')),
    ],
  });
  const start = async (options: { search?: { tags: number; labels: string[] }; catalog?: boolean }) =>
    stack.use(
      await startCrane({
        listen: { host: '127.0.0.1', port: 0 },
        tree,
        pollMs: 1000,
        status: 302,
        manifests: 'auto',
        mirrors: [],
        logger: { info() {}, warn() {}, error() {} },
        ...options,
      }),
    );
  const searching = await start({ search: { tags: 2, labels: [] } });
  const listing = await start({ catalog: true });
  await until('all that is said to be found', async () => {
    const response = await fetch(`${searching.url}/v1/search?q=many+one`);
    return response.ok && ((await response.json()) as { num_results: number }).num_results === 40;
  });
  const resources = stack.move();
  return {
    searching: hostOf(searching),
    listing: hostOf(listing),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

function hostOf(crane: Crane): string {
  return new URL(crane.url).host;
}

function described(name: string, description: string): LaidRepository {
  const image = makeImage({
    platform: { os: 'linux', architecture: 'amd64' },
    layers: [makeLayer([{ path: 'hello', content: name }])],
    labels: { 'org.opencontainers.image.description': description },
  });
  return {
    name,
    tags: { latest: image.digest },
    manifests: [{ bytes: image.bytes, mediaType: image.mediaType }],
    blobs: image.blobs.map(({ bytes }) => bytes),
  };
}

let world: World;
beforeAll(async () => {
  world = await openWorld();
}, 30_000);
afterAll(async () => world?.[Symbol.asyncDispose]());

for (const { name, parts, open, written } of CLIENTS) {
  const real = needs(...parts);
  real.test(
    `${name} search finds by name and by description, and is told what is said`,
    async () => {
      await using client = await open();
      const names = async (text: string, ...options: string[]) =>
        (await client.search(`${world.searching}/${text}`, ...options)).map((found) => found.name);
      const here = (repository: string) => written(world.searching, repository);
      expect(await client.search(`${world.searching}/apache`)).toEqual([
        { name: here('web/httpd'), description: 'The Apache HTTP Server' },
      ]);
      expect(await names('web/httpd')).toEqual([here('web/httpd')]);
      expect((await names('httpd')).toSorted()).toEqual([here('library/httpd-tools'), here('web/httpd')]);
      expect(await names('nothing-like-it')).toEqual([]);
      expect(await names('app', '--limit=7')).toHaveLength(7);
      expect(await names('app', '--limit=100')).toHaveLength(40);
    },
    120_000,
  );
}

const withPodman = needs('podman');
withPodman.test(
  'podman search looks through the catalogue of a crane without a search',
  async () => {
    await using client = await openPodman();
    const found = await client.search(`${world.listing}/httpd`);
    expect(found.map(({ name }) => name).toSorted()).toEqual([
      `${world.listing}/library/httpd-tools`,
      `${world.listing}/web/httpd`,
    ]);
  },
  60_000,
);
