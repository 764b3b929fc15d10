import { chmod, cp, mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { type Digest, digestOf, MANIFEST_MEDIA_TYPES } from '@gantry/oci';
import { blobPath, layTree } from '@gantry/tree';
import { openSkopeo } from '../clients/skopeo.ts';
import { embeddedConfiguration, type Gantry, startGantry } from '../servers/gantry.ts';
import { type Mirrorlist, startMirrorlist } from '../servers/mirrorlist.ts';
import { type Nginx, startNginx } from '../servers/nginx.ts';
import { needs } from '../servers/parts.ts';
import { type TemporaryFolder, temporaryFolder } from '../servers/temporary-folder.ts';
import { until } from '../servers/until.ts';

/** A mirror that is no tree but a MirrorManager, which redirects to one of two web servers in turn. */

const DAY_MS = 24 * 60 * 60 * 1000;

interface Image {
  readonly digest: Digest;
  readonly manifest: Uint8Array;
  readonly blobs: readonly Uint8Array[];
  readonly layer: Digest;
}

function described(mediaType: string, bytes: Uint8Array) {
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}

function image(name: string): Image {
  const config = Buffer.from(
    JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [] }, name }),
  );
  const layer = Buffer.from(`the layer of ${name}`);
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST_MEDIA_TYPES['oci-manifest'],
      config: described('application/vnd.oci.image.config.v1+json', config),
      layers: [described('application/vnd.oci.image.layer.v1.tar', layer)],
    }),
  );
  return { digest: digestOf(manifest), manifest, blobs: [config, layer], layer: digestOf(layer) };
}

const [OLD, NEW] = [image('old'), image('new')];

let folder: TemporaryFolder;
const mirrors: Nginx[] = [];
let list: Mirrorlist;
let crane: Gantry;
const real = needs('nginx', 'skopeo').showing(() => [...mirrors, crane]);

const tree = () => path.join(folder.path, 'data/tree');
const copy = (number: number) => path.join(folder.path, `mirror-${number}`);

function lay(images: Readonly<Record<string, Image>>, publishedMs?: number) {
  const all = Object.values(images);
  const tags = new Map(Object.entries(images).map(([tag, { digest }]) => [tag, digest]));
  return layTree(tree(), {
    repositories: [
      {
        name: 'app',
        tags,
        manifests: all.map((one) => one.manifest),
        blobs: all.flatMap((one) => one.blobs),
      },
    ],
    ...(publishedMs !== undefined && { publishedMs }),
  });
}

async function location(layer: Digest): Promise<string> {
  const answer = await fetch(`http://${crane.crane}/v2/app/blobs/${layer}`, { redirect: 'manual' });
  return answer.headers.get('location') ?? String(answer.status);
}

interface Judged {
  readonly name: string;
  readonly leftOut?: string;
}

async function judged(layer: Digest): Promise<Judged> {
  const answer = await fetch(`http://${crane.crane}/v2/app/blobs/${layer}?mirrorlist`);
  const { mirrors: found } = (await answer.json()) as { mirrors: Judged[] };
  return found.find(({ name }) => name === 'fedora') ?? { name: 'none' };
}

async function state() {
  const answer = await fetch(`http://${crane.crane}/mirrors`);
  const told = (await answer.json()) as {
    hosts: string[];
    redirectsFurther: string[];
    mirrors: { name: string; usable: boolean; serial: number }[];
  };
  return { ...told, fedora: told.mirrors.find(({ name }) => name === 'fedora') };
}

async function startCrane(): Promise<Gantry> {
  const fedora = { name: 'fedora', url: list.url, mirrormanager: { path: 'gantry' } };
  return startGantry({
    folder: folder.path,
    service: 'crane',
    configuration: await embeddedConfiguration({ crane: { poll: '200ms', mirrors: [fedora] } }),
  });
}

real.beforeAll(async () => {
  folder = await temporaryFolder('redirector');
  await chmod(folder.path, 0o755);
  await lay({ old: OLD }, Date.now() - 2 * DAY_MS);
  await lay({ old: OLD, new: NEW });
  for (const number of [1, 2]) {
    await mkdir(copy(number));
    await cp(tree(), path.join(copy(number), 'pub'), { recursive: true });
    mirrors.push(await startNginx({ root: copy(number), rules: true }));
  }
  list = await startMirrorlist(tree(), 'gantry');
  list.hosts = mirrors.map(({ url }) => ['ftp://mirror.example/pub', `${url}/pub`]);
  crane = await startCrane();
}, 60_000);

real.afterAll(async () => {
  for (const one of [crane, list, ...mirrors, folder]) await one?.[Symbol.asyncDispose]();
});

real.test(
  'what is older than the grace is redirected to it, by a path as it stands and with "redirect"',
  async () => {
    await until('the redirector to be used', async () => (await state()).fedora?.usable);
    expect(await location(OLD.layer)).toBe(`${list.url}?path=gantry/${blobPath(OLD.layer)}&redirect`);
    const answer = await fetch(`http://${crane.crane}/v2/app/blobs/${OLD.layer}`);
    expect(digestOf(await answer.bytes())).toBe(OLD.layer);
    expect(new URL(answer.url).origin).toBe(mirrors.find(({ url }) => answer.url.startsWith(url))?.url);
  },
);

real.test(
  'a client pulls an image through both redirects',
  async () => {
    await using skopeo = await openSkopeo();
    expect(await skopeo.pull(`${crane.crane}/app:old`)).toEqual({ digest: OLD.digest });
  },
  30_000,
);

real.test('what is younger than the grace is not', async () => {
  expect(await location(NEW.layer)).toBe('503');
  expect((await judged(NEW.layer)).leftOut).toBe('it is believed at serial 1, and this came with serial 2');
});

real.test('manifests are answered by the crane: each answer there may be of another server', async () => {
  for (const reference of ['old', OLD.digest]) {
    const answer = await fetch(`http://${crane.crane}/v2/app/manifests/${reference}`, { redirect: 'manual' });
    expect(answer.status).toBe(200);
  }
});

real.test('/mirrors names its host, and says that it leads further', async () => {
  const { hosts, redirectsFurther } = await state();
  expect(hosts).toEqual([new URL(list.url).host]);
  expect(redirectsFurther).toEqual(hosts);
});

real.test(
  '200 with a text, which a client would take for a blob, is a failure',
  async () => {
    list.isConfused = true;
    await until('the redirector to be left out', async () => (await state()).fedora?.usable === false);
    expect((await judged(OLD.layer)).leftOut).toMatch(/does not redirect/);
    expect(await location(OLD.layer)).toBe('503');
    list.isConfused = false;
    await until('the redirector to be used again', async () =>
      (await location(OLD.layer)).startsWith(list.url),
    );
  },
  30_000,
);

real.test(
  'one of its mirrors that lacks an object is enough: that serial is not believed',
  async () => {
    const lost = path.join(copy(2), 'pub', blobPath(OLD.layer));
    await rm(lost);
    await crane.stop();
    crane = await startCrane();
    const { leftOut } = await until('the loss to be found', async () => {
      const found = await judged(OLD.layer);
      return found.leftOut?.includes('404') === true && found;
    });
    expect(leftOut).toContain(mirrors[1]?.url);
    await cp(path.join(tree(), blobPath(OLD.layer)), lost);
    await until('the redirector to be used again', async () =>
      (await location(OLD.layer)).startsWith(list.url),
    );
  },
  30_000,
);
