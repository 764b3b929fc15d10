import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { MadeManifest } from '@gantry/registry';
import {
  makeSigner,
  type Signer,
  simplePayload,
  simpleSignature,
} from '../../packages/pipeline/src/gate/contract/signing.ts';
import { fill, helloImage } from '../fixtures/build-registry.ts';
import { type DockerRegistry, startDockerRegistry } from '../servers/docker-registry.ts';
import { embeddedConfiguration, type Gantry, startGantry } from '../servers/gantry.ts';
import { needs } from '../servers/parts.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';
import { until } from '../servers/until.ts';
import type { Work } from '../clients/gantry-api.ts';

/** Signatures in cosign's form, from a registry that has no referrers API, through the whole service. */
const release = makeSigner();
const stranger = makeSigner();
const image = (name: string) => helloImage(name);
const sigTag = ({ digest }: MadeManifest) => `${digest.replace(':', '-')}.sig`;

function signature(by: Signer, of: MadeManifest): MadeManifest {
  const payload = simplePayload(of.digest);
  return simpleSignature(payload, by.sign(payload));
}

const opened = new AsyncDisposableStack();
let registry: DockerRegistry;
let gantry: Gantry;
const real = needs('docker-registry').showing(() => [registry, gantry].filter((one) => one !== undefined));

real.beforeAll(async () => {
  registry = opened.use(await startDockerRegistry());
  await push({
    signed: image('signed'),
    [sigTag(image('signed'))]: signature(release, image('signed')),
    strange: image('strange'),
    [sigTag(image('strange'))]: signature(stranger, image('strange')),
    copied: image('copied'),
    [sigTag(image('copied'))]: signature(release, image('signed')),
    late: image('late'),
  });
  const folder = opened.use(await temporaryFolder('signed-images'));
  await writeFile(path.join(folder.path, 'release.pub'), release.pem);
  const rule = { signature: { keyFiles: ['./release.pub'] } };
  const channels = [
    { name: 'stable', gates: [rule] },
    { name: 'patient', prefix: 'patient/', gates: [{ wait: '1h', ...rule }] },
  ];
  const configuration = await embeddedConfiguration({
    sources: [{ name: 'builds', registry: registry.url }],
  });
  gantry = opened.use(
    await startGantry({ folder: folder.path, configuration: { ...configuration, channels } }),
  );
  await gantry.api.sync('builds');
}, 60_000);
real.afterAll(() => opened.disposeAsync(), 60_000);

function push(tags: Readonly<Record<string, MadeManifest>>): Promise<void> {
  return fill(registry, [{ name: 'app', tags: new Map(Object.entries(tags)) }]);
}

async function status(name: string, tag: string): Promise<number> {
  return (await fetch(`http://${gantry.crane}/v2/${name}/manifests/${tag}`, { method: 'HEAD' })).status;
}

real.test('an image that is signed by the key is promoted, and its signature with it', async () => {
  const { state } = await gantry.api.promote('stable', [{ repository: 'app', reference: 'signed' }]);
  expect(state).toBe('done');
  await until(
    'the signature to be served',
    async () => (await status('app', sigTag(image('signed')))) === 200,
  );
});

for (const [tag, why] of [
  ['strange', 'it is not signed by a key that is named here'],
  ['copied', `it signs another image, ${image('signed').digest}`],
  ['late', 'the image is not signed, and must be by release'],
] as const) {
  real.test(`one that is ${tag} is refused, and told why`, async () => {
    const { state, items } = await gantry.api.promote('stable', [{ repository: 'app', reference: tag }]);
    expect(state).toBe('refused');
    expect(items?.[0]?.problem?.detail).toContain(why);
    expect(await status('app', tag)).toBe(404);
  });
}

real.test(
  'one that is signed while its promotion waits is promoted, and its signature with it',
  async () => {
    const { body } = await gantry.api.call<Work>('POST', '/api/v1/promotions', {
      body: { to: 'patient', items: [{ repository: 'app', reference: 'late' }] },
    });
    await until('the promotion to wait', async () => {
      const { body: now } = await gantry.api.call<Work & { gates: { state: string }[] }>(
        'GET',
        `/api/v1/promotions/${body.id}`,
      );
      return now.gates[0]?.state === 'waiting';
    });
    await push({ [sigTag(image('late'))]: signature(release, image('late')) });
    await gantry.api.sync('builds');
    // Word of new evidence has the gates asked at once; without it they are within half a minute.
    await gantry.api.call('POST', `/api/v1/reports?source=ci&digest=${image('late').digest}`, {
      body: { matches: [], descriptor: { name: 'grype' } },
    });
    expect((await gantry.api.promotionEnded(body.id)).state).toBe('done');
    await until(
      'the signature to be served',
      async () => (await status('patient/app', sigTag(image('late')))) === 200,
    );
  },
  120_000,
);
