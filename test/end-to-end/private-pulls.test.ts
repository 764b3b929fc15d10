import type { Crane } from '@gantry/app-crane';
import { needs } from '../servers/parts.ts';
import { attempt } from '../servers/run.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';
import { IMAGE, openPrivateScene, type PrivateScene } from './private-scene.ts';

/** skopeo pulls what is private with each kind of credentials, its blobs from a mirror that checks signed URLs. */

const real = needs('skopeo', 'nginx', 'njs');
let scene: PrivateScene;

real.beforeAll(async () => {
  scene = await openPrivateScene();
}, 60_000);

real.afterAll(async () => scene?.[Symbol.asyncDispose](), 60_000);

/** Whether skopeo gets an image. */
async function pull(crane: Crane, name: string, ...options: string[]): Promise<'pulled' | 'refused'> {
  const to = await temporaryFolder('skopeo');
  const { code } = await attempt('skopeo', [
    'copy',
    '--insecure-policy',
    '--src-tls-verify=false',
    ...options,
    `docker://127.0.0.1:${new URL(crane.url).port}/${name}`,
    `dir:${to.path}/copy`,
  ]);
  await to[Symbol.asyncDispose]();
  return code === 0 ? 'pulled' : 'refused';
}

real.test('with tokens: anybody gets what is public, and what is private who may have it', async () => {
  await using crane = await scene.start({ tokens: scene.tokens });
  expect(await pull(crane, 'open/app')).toBe('pulled');
  expect(await pull(crane, 'corp/app')).toBe('refused');
  expect(await pull(crane, 'corp/app', '--src-creds=alice:right')).toBe('pulled');
  expect(await pull(crane, 'corp/app', '--src-creds=ci:a-token-of-ci')).toBe('pulled');
  expect(await pull(crane, 'corp/app', '--src-creds=alice:wrong')).toBe('refused');
});

real.test('with passwords: who logs in gets what is private', async () => {
  await using crane = await scene.start({});
  expect(await pull(crane, 'corp/app', '--src-creds=alice:right')).toBe('pulled');
  expect(await pull(crane, 'corp/app', '--src-creds=alice:wrong')).toBe('refused');
  expect(await pull(crane, 'corp/app')).toBe('refused');
});

real.test('with a certificate, in TLS with the crane', async () => {
  const { certificates } = scene;
  await using crane = await scene.start({ challenge: [], certificates }, true);
  const holding = async (...issued: Parameters<PrivateScene['certificate']>) =>
    `--src-cert-dir=${await scene.certificate(...issued)}`;
  expect(await pull(crane, 'open/app')).toBe('pulled');
  expect(await pull(crane, 'corp/app')).toBe('refused');
  expect(await pull(crane, 'corp/app', await holding('/content/corp'))).toBe('pulled');
  expect(await pull(crane, 'corp/app', await holding('/content/other'))).toBe('refused');
  expect(await pull(crane, 'corp/app', await holding('/content/corp', ['20', '21']))).toBe('refused');
});

async function status(url: string): Promise<number> {
  return (await fetch(url)).status;
}

real.test('the mirror serves nothing of the pool without a signature that is good', async () => {
  await using crane = await scene.start({});
  const headers = { Authorization: `Basic ${Buffer.from('alice:right').toString('base64')}` };
  const answer = await fetch(`${crane.url}/v2/corp/app/blobs/${IMAGE.blobs.at(-1)?.digest}`, {
    headers,
    redirect: 'manual',
  });
  const signed = answer.headers.get('location') ?? '';
  expect(signed.startsWith(`${scene.mirror.url}/pool/blobs/sha256/`)).toBe(true);
  expect(await status(signed)).toBe(200);
  expect(await status(signed.replace(/\?.*/, ''))).toBe(403);
  expect(await status(signed.replace(/expires=\d/, 'expires=9'))).toBe(403);
  expect(await status(`${signed.slice(0, -1)}${signed.endsWith('A') ? 'B' : 'A'}`)).toBe(403);
  expect(await status(`${scene.mirror.url}/serial/current.json`)).toBe(200);
});
