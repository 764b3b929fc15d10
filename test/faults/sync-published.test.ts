import { digestOf, type Digest, MANIFEST_MEDIA_TYPES } from '@gantry/oci';
import {
  createInProcessRegistry,
  makeImage,
  makeLayer,
  type MadeBlob,
  type MadeManifest,
} from '@gantry/registry';
import { openRegctl } from '../clients/regctl.ts';
import { randomBytes } from '../fixtures/random-bytes.ts';
import { embeddedConfiguration, gantry as command, type Gantry, startGantry } from '../servers/gantry.ts';
import { needs } from '../servers/parts.ts';
import { withLogs } from '../servers/process.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';

/** What a sync brings, or suddenly finds gone, and what is public: from the source to the crane. */

const AMD64 = { os: 'linux', architecture: 'amd64' };
const OCI = MANIFEST_MEDIA_TYPES['oci-manifest'];
const INDEX = MANIFEST_MEDIA_TYPES['oci-index'];
const image = (name: string) =>
  makeImage({ platform: AMD64, layers: [makeLayer([{ path: '/name', content: name }])] });
const status = async (gantry: Gantry, place: string) =>
  (await fetch(`http://${gantry.crane}/v2/${place}`)).status;

interface Strong {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Buffer;
}

/** The same by sha512. */
function strong({ mediaType, bytes }: Pick<MadeBlob, 'mediaType' | 'bytes'>): Strong {
  return { mediaType, bytes, digest: digestOf(bytes, 'sha512') };
}
const descriptorOf = ({ mediaType, digest, bytes }: Strong) => ({ mediaType, digest, size: bytes.length });

/** An index of an image, each named by sha512, in all that it is made of. */
function strongIndex(name: string): { top: Strong; manifests: Strong[]; blobs: Strong[] } {
  const made: MadeManifest = makeImage({
    platform: AMD64,
    layers: [makeLayer([{ path: '/data', content: randomBytes(name, 200_000) }])],
  });
  const [config, ...layers] = made.blobs.map(strong) as [Strong, ...Strong[]];
  const manifest = strong({
    mediaType: OCI,
    bytes: Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: OCI,
        config: descriptorOf(config),
        layers: layers.map(descriptorOf),
      }),
    ),
  });
  const manifests = [{ ...descriptorOf(manifest), platform: AMD64 }];
  const top = strong({
    mediaType: INDEX,
    bytes: Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests })),
  });
  return { top, manifests: [top, manifest], blobs: [config, ...layers] };
}

/** Answers for what is named by sha512; the registry itself names all by sha256. */
function strongRegistry(
  repository: string,
  tags: Readonly<Record<string, ReturnType<typeof strongIndex>>>,
  spoiled?: Digest,
) {
  const answers = new Map<string, Strong>();
  for (const [tag, { top, manifests, blobs }] of Object.entries(tags)) {
    answers.set(`/v2/${repository}/manifests/${tag}`, top);
    for (const each of manifests) answers.set(`/v2/${repository}/manifests/${each.digest}`, each);
    for (const each of blobs) answers.set(`/v2/${repository}/blobs/${each.digest}`, each);
  }
  const registry = createInProcessRegistry({
    intercept: (request, response) => {
      const found = answers.get(request.url ?? '');
      if (found === undefined) return false;
      const { digest, mediaType, bytes } = found;
      const body = digest === spoiled ? Buffer.alloc(bytes.length, 'x') : bytes;
      response
        .writeHead(200, {
          'content-type': mediaType,
          'docker-content-digest': digest,
          'content-length': body.length,
        })
        .end(request.method === 'HEAD' ? undefined : body);
      return true;
    },
  });
  for (const tag of Object.keys(tags))
    registry.push(repository, image('stands for its tag in the list'), tag);
  return registry;
}

async function open(opened: AsyncDisposableStack, registry: ReturnType<typeof createInProcessRegistry>) {
  const folder = opened.use(await temporaryFolder('published')).path;
  const { url } = opened.use(await registry.listen());
  const configuration = await embeddedConfiguration({ sources: [{ name: 'builds', registry: url }] });
  const gantry = opened.use(await startGantry({ folder, configuration }));
  return { folder, gantry };
}

const real = needs('regctl');

real.test(
  'sha512 digests are verified from the source to the mirror: synced, promoted, published, proven, pulled by the crane; wrong bytes are refused',
  async () => {
    await using opened = new AsyncDisposableStack();
    const [right, wrong] = [strongIndex('right'), strongIndex('wrong')];
    const registry = strongRegistry('strong/app', { '1': right, bad: wrong }, wrong.blobs[1]?.digest);
    const { folder, gantry } = await open(opened, registry);
    try {
      const task = await gantry.api.sync('builds');
      expect(task).toMatchObject({ state: 'partial', errors: [{ item: 'strong/app:bad' }] });
      expect(task.errors?.[0]?.problem.type).toBe('urn:gantry:problem:digest-invalid');
      expect((await gantry.api.candidates()).map(({ tag, digest }) => [tag, digest])).toEqual([
        ['1', right.top.digest],
      ]);
      const promoted = await gantry.api.promote('stable', [{ repository: 'strong/app', reference: '1' }]);
      expect(promoted).toMatchObject({ state: 'done' });
      expect(await command(folder, ['verify', `${folder}/data/tree`, '--deep'])).toMatchObject({ code: 0 });
      for (const [kind, each] of [
        ...right.manifests.map((manifest) => ['manifests', manifest] as const),
        ...right.blobs.map((blob) => ['blobs', blob] as const),
      ]) {
        const answer = await fetch(`http://${gantry.crane}/v2/strong/app/${kind}/${each.digest}`);
        expect(digestOf(Buffer.from(await answer.arrayBuffer()), 'sha512')).toBe(each.digest);
      }
      const byTag = await fetch(`http://${gantry.crane}/v2/strong/app/manifests/1`);
      expect(byTag.headers.get('docker-content-digest')).toBe(right.top.digest);
      await using client = await openRegctl();
      const pulled = await client.pull(`${gantry.crane}/strong/app:1`);
      expect(pulled.digest).toBe(right.top.digest);
    } catch (error) {
      throw withLogs(error, [gantry]);
    }
  },
  90_000,
);

test('a source that is suddenly empty, or gone, unpublishes nothing, and what was synced can still be promoted', async () => {
  await using opened = new AsyncDisposableStack();
  let answer: { status: number; body: string } | undefined;
  const registry = createInProcessRegistry({
    intercept: (request, response) => {
      if (answer === undefined || !/\/tags\/list|_catalog/.test(request.url ?? '')) return false;
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body);
      return true;
    },
  });
  registry.push('app', image('one'), '1', '2');
  const { folder, gantry } = await open(opened, registry);
  try {
    await gantry.api.sync('builds');
    expect((await gantry.api.promote('stable', [{ repository: 'app', reference: '1' }])).state).toBe('done');
    for (const emptied of [
      { status: 200, body: '{"name":"app","tags":[],"repositories":["app"]}' },
      { status: 200, body: '{"name":"app","tags":null,"repositories":[]}' },
      { status: 404, body: '{"errors":[{"code":"NAME_UNKNOWN"}]}' },
    ]) {
      answer = emptied;
      await gantry.api.sync('builds');
      expect([await status(gantry, 'app/manifests/1'), (await gantry.api.candidates()).length]).toEqual([
        200, 2,
      ]);
    }
    // The next serial has it, too: it is not made of what the source has.
    expect((await gantry.api.promote('stable', [{ repository: 'app', reference: '2' }])).state).toBe('done');
    expect([await status(gantry, 'app/manifests/1'), await status(gantry, 'app/manifests/2')]).toEqual([
      200, 200,
    ]);
    expect(await command(folder, ['verify', `${folder}/data/tree`, '--deep'])).toMatchObject({ code: 0 });
  } catch (error) {
    throw withLogs(error, [gantry]);
  }
}, 90_000);
