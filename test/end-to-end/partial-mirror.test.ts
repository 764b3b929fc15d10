import path from 'node:path';
import { digestOf } from '@gantry/oci';
import type { MadeManifest } from '@gantry/registry';
import { type LaidRepository, layTree } from '@gantry/tree';
import { helloImage } from '../fixtures/build-registry.ts';
import { SCRIPT } from '../mirror-kit/mirror-world.ts';
import { embeddedConfiguration, type Gantry, startGantry } from '../servers/gantry.ts';
import { type Nginx, startNginx } from '../servers/nginx.ts';
import { needs } from '../servers/parts.ts';
import { run } from '../servers/run.ts';
import { type TemporaryFolder, temporaryFolder } from '../servers/temporary-folder.ts';
import { answered, ask } from './world.ts';

/** A mirror of a part of the tree, as the kit makes it and nginx serves it by the shipped rules, before a real crane. */

const [one, two, other] = [helloImage('one'), helloImage('two'), helloImage('other')];

let folder: TemporaryFolder;
let mirror: Nginx | undefined;
let crane: Gantry | undefined;
const real = needs('nginx', 'rsync').showing(() => [mirror, crane].filter((server) => server !== undefined));
const inFolder = (name: string) => path.join(folder.path, name);
const lay = (...images: readonly MadeManifest[]) =>
  layTree(inFolder('tree'), {
    repositories: [repository('plain/app', images), repository('multi/app', [other])],
  });
const copyPart = () => run('sh', [SCRIPT, '--repository', 'plain/*', inFolder('tree'), inFolder('part')]);

real.beforeAll(async () => {
  folder = await temporaryFolder('partial-mirror');
  await lay(one);
  await copyPart();
  mirror = await startNginx({ root: inFolder('part'), rules: true });
  const configuration = await embeddedConfiguration({
    crane: {
      tree: inFolder('tree'),
      manifests: 'redirect',
      poll: '200ms',
      mirrors: [{ name: 'part', url: mirror.url, repositories: ['plain/**'] }],
    },
  });
  const { crane: section } = configuration;
  crane = await startGantry({
    folder: inFolder('crane'),
    configuration: { crane: section },
    service: 'crane',
  });
}, 60_000);
real.afterAll(async () => {
  await crane?.[Symbol.asyncDispose]();
  await mirror?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
}, 30_000);

real.test(
  'what it carries is redirected there, blobs and manifests, also of a new serial; what it does not is not',
  async () => {
    const [server, from] = [crane, mirror];
    if (server === undefined || from === undefined) throw new Error('both were started');
    const leadsThere = async (place: string) => {
      const answer = await answered(server, place, 302);
      const location = answer.headers.get('location') ?? '';
      expect(location).toMatch(new RegExp(`^${from.url}/pool/`));
      const found = await fetch(location);
      expect(place).toContain(digestOf(new Uint8Array(await found.arrayBuffer())));
    };
    await leadsThere(`plain/app/blobs/${layerOf(one)}`);
    await leadsThere(`plain/app/manifests/${one.digest}`);
    expect((await ask(server, `multi/app/blobs/${layerOf(other)}`)).status).toBe(503);

    await lay(one, two);
    const blob = `plain/app/blobs/${layerOf(two)}`;
    await answered(server, blob, 503);
    await copyPart();
    await leadsThere(blob);
    await leadsThere(`plain/app/manifests/${two.digest}`);
  },
  60_000,
);

function layerOf({ blobs }: MadeManifest): string {
  const last = blobs.at(-1);
  if (last === undefined) throw new Error('an image has a layer');
  return last.digest;
}

function repository(name: string, images: readonly MadeManifest[]): LaidRepository {
  return {
    name,
    tags: new Map(images.map(({ digest }, index) => [`v${index}`, digest])),
    manifests: images.map(({ bytes, mediaType }) => ({ bytes, mediaType })),
    blobs: images.flatMap(({ blobs }) => blobs.map(({ bytes }) => bytes)),
  };
}
