import type { Client } from '../clients/client.ts';
import { openContainerd } from '../clients/containerd.ts';
import { openCraneClient } from '../clients/crane.ts';
import { openDocker } from '../clients/docker.ts';
import { openPodman } from '../clients/podman.ts';
import { openRegctl, referrersByRegctl } from '../clients/regctl.ts';
import { openSkopeo } from '../clients/skopeo.ts';
import { digestIn, everyKind } from '../fixtures/build-registry.ts';
import type { Gantry } from '../servers/gantry.ts';
import type { Nginx } from '../servers/nginx.ts';
import { needs, type Part } from '../servers/parts.ts';
import { answered, openWorld, release, type World, WORLD_PARTS } from './world.ts';

/** Real clients pull, through the crane, what was promoted; and each has what the build registry had. */

/** One of each kind, and what it says when it is unpacked. */
const IMAGES: readonly { repository: string; tag: string; hello: string }[] = [
  { repository: 'plain/docker', tag: 'latest', hello: 'docker amd64' },
  { repository: 'plain/oci', tag: 'v1.2.3', hello: 'oci amd64' },
  { repository: 'plain/odd-tags', tag: '__proto__', hello: 'odd amd64' },
  { repository: 'plain/odd-tags', tag: '10', hello: 'odd amd64' },
  { repository: 'multi/list', tag: '1', hello: 'list amd64' },
  { repository: 'multi/index', tag: '1', hello: 'index amd64' },
  { repository: 'signed/app', tag: '2.0', hello: 'signed amd64' },
  { repository: 'a/b/c/d/e/f/g/deep', tag: 'latest', hello: 'deep amd64' },
  { repository: 'team/service-07', tag: 'stable', hello: 'team/service-07 amd64' },
];
const NESTED = { repository: 'multi/nested', tag: '1', hello: 'nested amd64' };
const CHART = { repository: 'charts/web', tag: '0.1.0' };

/** skopeo can't copy an index in an index, and docker and podman unpack no chart, from whichever registry. */
const CLIENTS: readonly {
  name: Part;
  parts: readonly Part[];
  open: () => Promise<Client>;
  images: readonly { repository: string; tag: string; hello?: string }[];
}[] = [
  { name: 'docker', parts: ['docker', 'dockerd'], open: openDocker, images: [...IMAGES, NESTED] },
  { name: 'podman', parts: ['podman'], open: openPodman, images: [...IMAGES, NESTED] },
  { name: 'containerd', parts: ['containerd'], open: openContainerd, images: [...IMAGES, NESTED] },
  { name: 'skopeo', parts: ['skopeo'], open: openSkopeo, images: [...IMAGES, CHART] },
  { name: 'crane', parts: ['crane'], open: openCraneClient, images: [...IMAGES, NESTED, CHART] },
  { name: 'regctl', parts: ['regctl'], open: openRegctl, images: [...IMAGES, NESTED, CHART] },
];
const CRANES: readonly { title: string; of: (world: World) => Gantry }[] = [
  { title: 'a mirror with the shipped rules', of: (world) => world.gantry },
  { title: 'a plain mirror', of: (world) => world.plainCrane },
];

const content = everyKind();
const tagged = (repository: string, tag: string) =>
  content.find(({ name }) => name === `candidate/${repository}`)?.tags.get(tag);

let world: World;
const servers = () => world?.servers ?? [];
const real = needs(...WORLD_PARTS).showing(servers);

real.beforeAll(async () => {
  world = await openWorld(content);
  const promoted = [...IMAGES, NESTED, CHART].map(({ repository, tag }) => ({ repository, reference: tag }));
  await release(world, 'stable', promoted);
  await world.copyTree();
  // Both cranes have the serial, and have looked at their mirrors.
  const image = tagged('plain/oci', 'v1.2.3');
  await answered(world.gantry, `plain/oci/manifests/${image?.digest}`, 302);
  await answered(world.plainCrane, `plain/oci/blobs/${image?.blobs[0]?.digest}`, 302);
}, 120_000);

real.afterAll(async () => world?.[Symbol.asyncDispose](), 60_000);

for (const { name, parts, open, images } of CLIENTS) {
  const withClient = needs(...WORLD_PARTS, ...parts).showing(servers);
  for (const { title, of } of CRANES) {
    withClient.test(
      `${name} pulls every kind it knows through the crane from ${title}`,
      async () => {
        await using client = await open();
        for (const { repository, tag, hello } of images) {
          const reference = `${of(world).crane}/${repository}:${tag}`;
          const pulled = await client.pull(reference);
          expect({ reference, ...pulled }).toEqual({
            reference,
            digest: digestIn(content, repository, tag),
            ...(pulled.hello === undefined ? {} : { hello }),
          });
        }
      },
      120_000,
    );

    withClient.test(
      `${name} pulls by digest through the crane from ${title}`,
      async () => {
        await using client = await open();
        const digest = digestIn(content, 'multi/index', '1');
        const pulled = await client.pull(`${of(world).crane}/multi/index@${digest}`);
        expect(pulled.digest).toBe(digest);
      },
      60_000,
    );

    withClient.test(
      `${name} is told by the crane before ${title} that what was not promoted is not there`,
      async () => {
        await using client = await open();
        const pull = client.pull(`${of(world).crane}/plain/docker:old`);
        await expect(pull).rejects.toThrow(/unknown|not found|404/i);
      },
      60_000,
    );
  }
}

const withRegctl = needs(...WORLD_PARTS, 'regctl').showing(servers);
withRegctl.test(
  'regctl finds the bill of materials of an index, and that of the image inside it',
  async () => {
    const app = tagged('signed/app', '2.0');
    for (const subject of [app, app?.children[0]]) {
      const expected = tagged('signed/app', subject?.digest.replace(':', '-') ?? '')?.children ?? [];
      const found = await referrersByRegctl(`${world.gantry.crane}/signed/app@${subject?.digest}`);
      expect(found).toEqual(expected.map((referrer) => referrer.digest));
      expect(found).toHaveLength(1);
    }
  },
  60_000,
);

const withSkopeo = needs(...WORLD_PARTS, 'skopeo').showing(servers);
withSkopeo.test(
  'layers come from both mirrors, and manifests too from the one that serves them rightly',
  async () => {
    await using skopeo = await openSkopeo();
    for (const { of } of CRANES) await skopeo.pull(`${of(world).crane}/multi/index:1`);
    const image = tagged('multi/index', '1')?.children[1];
    const layer = poolPath('blobs', image?.blobs.at(-1)?.digest ?? '');
    expect(await served(world.plainMirror)).toContain(layer);
    expect(await served(world.ruledMirror)).toEqual(
      expect.arrayContaining([layer, poolPath('manifests/oci-manifest', image?.digest ?? '')]),
    );
  },
  60_000,
);

/** Where content lies in the tree. */
function poolPath(folder: string, digest: string): string {
  const hex = digest.slice('sha256:'.length);
  return `/pool/${folder}/sha256/${hex.slice(0, 2)}/${hex}`;
}

/** What a mirror has given out. */
async function served(mirror: Nginx): Promise<string[]> {
  const requests = await mirror.requests();
  return requests
    .filter(({ method, status }) => method === 'GET' && status === 200)
    .map((request) => request.path);
}
