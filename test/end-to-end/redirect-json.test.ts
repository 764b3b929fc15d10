import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Crane, startCrane } from '@gantry/app-crane';
import type { Client } from '../clients/client.ts';
import { openDocker } from '../clients/docker.ts';
import { openPodman } from '../clients/podman.ts';
import { openSkopeo } from '../clients/skopeo.ts';
import { digestIn, everyKind } from '../fixtures/build-registry.ts';
import { freePorts } from '../servers/free-port.ts';
import { startNginx } from '../servers/nginx.ts';
import { needs, type Part } from '../servers/parts.ts';
import type { ServerProcess } from '../servers/process.ts';
import { until } from '../servers/until.ts';
import { openWorld, release, type World, WORLD_PARTS } from './world.ts';

/** Real clients pull what Gantry published as Pulp does, by way of a crane that has nothing but the redirect files. */

const IMAGES = [
  { repository: 'plain/docker', tag: 'latest', hello: 'docker amd64' },
  { repository: 'plain/oci', tag: 'v1.2.3', hello: 'oci amd64' },
  { repository: 'multi/list', tag: '1', hello: 'list amd64' },
] as const;
const CLIENTS: readonly { parts: readonly Part[]; open: () => Promise<Client> }[] = [
  { parts: ['docker', 'dockerd'], open: openDocker },
  { parts: ['podman'], open: openPodman },
  { parts: ['skopeo'], open: openSkopeo },
];
const content = everyKind();
const opened = new AsyncDisposableStack();
const shown: ServerProcess[] = [];
let world: World;
let cranes: readonly Crane[];
const withParts = (...parts: readonly Part[]) =>
  needs(...WORLD_PARTS, 'nginx', ...parts).showing(() => [...(world?.servers ?? []), ...shown]);
const real = withParts();

real.beforeAll(async () => {
  const [port = 0] = await freePorts(1);
  world = opened.use(
    await openWorld(content, {
      tree: {
        filesystem: { root: './data/tree' },
        layouts: ['pulp'],
        layoutsRoot: './layouts',
        layoutsUrl: `http://127.0.0.1:${port}/`,
      },
    }),
  );
  const root = path.join(world.folder, 'layouts', 'pulp');
  const craneWith = (compat: boolean) =>
    startCrane({
      listen: { host: '127.0.0.1', port: 0 },
      pollMs: 1000,
      status: 302,
      manifests: 'auto',
      mirrors: [],
      compat,
      redirectJson: { directories: [path.join(root, '_app')], cdn: {} },
      logger: { info: () => undefined, warn: () => undefined, error: console.error },
    });
  // Before anything is there.
  cranes = [opened.use(await craneWith(false)), opened.use(await craneWith(true))];
  await release(
    world,
    'stable',
    IMAGES.map(({ repository, tag }) => ({ repository, reference: tag })),
  );
  const rules = fileURLToPath(new URL('../../scripts/layouts/pulp/nginx.conf', import.meta.url));
  shown.push(opened.use(await startNginx({ root, rules, port })));
  for (const { url } of cranes) {
    for (const { repository } of IMAGES)
      await until(
        `${repository} at ${url}`,
        async () => (await fetch(`${url}/v2/${repository}/tags/list`)).ok,
      );
  }
}, 120_000);
real.afterAll(() => opened.disposeAsync(), 60_000);

for (const { parts, open } of CLIENTS) {
  const withClient = withParts(...parts);
  withClient.test(
    `${parts[0]} pulls by way of redirect files, by tag and by digest`,
    async () => {
      await using client = await open();
      for (const [index, { url }] of cranes.entries()) {
        for (const { repository, tag, hello } of IMAGES) {
          const digest = digestIn(content, repository, tag);
          for (const reference of index === 0 ? [`:${tag}`, `@${digest}`] : [`:${tag}`]) {
            const pulled = await client.pull(`${new URL(url).host}/${repository}${reference}`);
            const expected = { digest, ...(pulled.hello === undefined ? {} : { hello }) };
            expect({ reference, ...pulled }).toEqual({ reference, ...expected });
          }
        }
      }
    },
    120_000,
  );
}
