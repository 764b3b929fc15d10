import { generateKeyPairSync } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Crane, startCrane } from '@gantry/app-crane';
import { digestOf, MANIFEST_MEDIA_TYPES } from '@gantry/oci';
import { layTree } from '@gantry/tree';
import type { PrivateConfiguration } from '@gantry/service';
import { makeAuthority } from '../servers/certificates.ts';
import { freePort } from '../servers/free-port.ts';
import { GANTRY_BIN } from '../servers/gantry.ts';
import { NJS, type Nginx, SHIPPED_RULES, startNginx } from '../servers/nginx.ts';
import { needs } from '../servers/parts.ts';
import { startProcess } from '../servers/process.ts';
import { attempt } from '../servers/run.ts';
import { type TemporaryFolder, temporaryFolder } from '../servers/temporary-folder.ts';

/** skopeo pulls what is private with each kind of credentials, its blobs from a mirror that checks signed URLs. */

const SIGNED = fileURLToPath(new URL('../../scripts/mirror/', import.meta.url));
const SECRET = 'a secret of the tests, long enough';
const CONTENT = '1.3.6.1.4.1.2312.9.2.4711.1.6';
/** `htpasswd -nbB -C 4 alice right` */
const HTPASSWD = 'alice:$2y$04$qwTBjz1vOMJfho20.hn3T.1q2IMpGQbilb26Z.2veZxfnBWw/Itqi\n';

const config = Buffer.from('{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}');
const layer = Buffer.from('a layer that nobody unpacks');
const described = (mediaType: string, bytes: Buffer) => ({
  mediaType,
  digest: digestOf(bytes),
  size: bytes.length,
});
const manifest = Buffer.from(
  JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST_MEDIA_TYPES['oci-manifest'],
    config: described('application/vnd.oci.image.config.v1+json', config),
    layers: [described('application/vnd.oci.image.layer.v1.tar', layer)],
  }),
);

const real = needs('skopeo', 'nginx', 'njs');
const stack = new AsyncDisposableStack();
const authority = makeAuthority('Entitlements');
const web = makeAuthority('Web');
let folder: TemporaryFolder;
let mirror: Nginx;
let realm: string;

const at = (name: string) => path.join(folder.path, name);

real.beforeAll(async () => {
  folder = stack.use(await temporaryFolder('private-pulls'));
  await layTree(at('tree'), {
    repositories: ['corp/app', 'open/app'].map((name) => ({
      name,
      tags: new Map([['latest', digestOf(manifest)]]),
      manifests: [manifest],
      blobs: [config, layer],
    })),
  });
  const server = web.issue('127.0.0.1', ['localhost']);
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const files = {
    htpasswd: HTPASSWD,
    'url-secret': SECRET,
    'tokens.key': privateKey.export({ type: 'pkcs8', format: 'pem' }),
    'tokens.pub': publicKey.export({ type: 'spki', format: 'pem' }),
    'ca.pem': authority.cert,
    'server.pem': server.cert,
    'server.key': server.key,
    'http.conf': `js_import gantry_signed from ${SIGNED}gantry-signed.js;\njs_set $gantry_is_allowed gantry_signed.isAllowed;\n`,
    'rules.conf': `set $gantry_url_secret "${SECRET}"; set $gantry_url_secret_before "";\ninclude ${SIGNED}nginx-signed.conf;\ninclude ${SHIPPED_RULES};\n`,
  };
  for (const [name, text] of Object.entries(files)) await writeFile(at(name), text, { mode: 0o600 });
  mirror = stack.use(
    await startNginx({ root: at('tree'), rules: at('rules.conf'), http: at('http.conf'), modules: [NJS] }),
  );
  realm = `http://127.0.0.1:${await freePort()}/token`;
  await writeFile(at('promote.yaml'), promoteConfiguration());
  stack.use(
    await startProcess({
      name: 'gantry serve promote',
      command: process.execPath,
      args: [GANTRY_BIN, 'serve', 'promote', '--config', at('promote.yaml')],
      cwd: folder.path,
      ready: async () => (await fetch(realm)).status === 200,
    }),
  );
}, 60_000);

real.afterAll(() => stack.disposeAsync());

const guarded = () => ({
  repositories: ['corp/**'],
  readers: [{ users: ['alice', 'ci'], groups: [], repositories: ['corp/**'] }],
  htpasswdFile: at('htpasswd'),
});

function promoteConfiguration(): string {
  return JSON.stringify({
    tree: { filesystem: { root: at('other-tree') } },
    api: {
      listen: new URL(realm).host,
      tokens: [{ name: 'ci', token: 'a-token-of-ci', scopes: ['read'] }],
      pullTokens: { service: 'registry', issuer: 'gantry', keyFile: at('tokens.key') },
    },
    crane: { private: guarded() },
  });
}

const tokens = () => ({
  realm,
  service: 'registry',
  issuer: 'gantry',
  keyFiles: [at('tokens.pub')],
  clockToleranceMs: 30_000,
});

function start(changed: Partial<PrivateConfiguration>, isSecure = false): Promise<Crane> {
  return startCrane({
    listen: { host: '127.0.0.1', port: 0 },
    tree: at('tree'),
    pollMs: 1000,
    status: 302,
    manifests: 'auto',
    mirrors: [{ name: 'closed', url: mirror.url, signed: true, trusted: true }],
    signedUrls: { secretFile: at('url-secret'), ttlMs: 60_000 },
    private: { ...guarded(), challenge: ['base'], ...changed },
    ...(isSecure && { tls: { certFile: at('server.pem'), keyFile: at('server.key') } }),
    logger: { info() {}, warn() {}, error() {} },
  });
}

/** Whether skopeo gets an image. */
async function pull(crane: Crane, name: string, ...options: string[]): Promise<'pulled' | 'refused'> {
  const to = await temporaryFolder('skopeo');
  const { code } = await attempt('skopeo', [
    'copy',
    '--insecure-policy',
    '--src-tls-verify=false',
    ...options,
    `docker://${new URL(crane.url).host}/${name}`,
    `dir:${to.path}/copy`,
  ]);
  await to[Symbol.asyncDispose]();
  return code === 0 ? 'pulled' : 'refused';
}

real.test('with tokens: anybody gets what is public, and what is private who may have it', async () => {
  await using crane = await start({ tokens: tokens() });
  expect(await pull(crane, 'open/app')).toBe('pulled');
  expect(await pull(crane, 'corp/app')).toBe('refused');
  expect(await pull(crane, 'corp/app', '--src-creds=alice:right')).toBe('pulled');
  expect(await pull(crane, 'corp/app', '--src-creds=ci:a-token-of-ci')).toBe('pulled');
  expect(await pull(crane, 'corp/app', '--src-creds=alice:wrong')).toBe('refused');
});

real.test('with passwords: who logs in gets what is private', async () => {
  await using crane = await start({});
  expect(await pull(crane, 'corp/app', '--src-creds=alice:right')).toBe('pulled');
  expect(await pull(crane, 'corp/app', '--src-creds=alice:wrong')).toBe('refused');
  expect(await pull(crane, 'corp/app')).toBe('refused');
});

real.test('with a certificate, in TLS with the crane', async () => {
  const certificates = { caFile: at('ca.pem'), path: '/content/{repository}', values: [] };
  await using crane = await start({ challenge: [], certificates }, true);
  const holding = async (place: string, years?: readonly [string, string]) => {
    const extensions = { [CONTENT]: place };
    const { cert, key } = authority.issue('client', [], { extensions, ...(years && { years }) });
    const to = at(digestOf(Buffer.from(cert)).replace(':', '-'));
    await mkdir(to);
    await writeFile(path.join(to, 'client.cert'), cert);
    await writeFile(path.join(to, 'client.key'), key, { mode: 0o600 });
    return `--src-cert-dir=${to}`;
  };
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
  await using crane = await start({});
  const headers = { Authorization: `Basic ${Buffer.from('alice:right').toString('base64')}` };
  const answer = await fetch(`${crane.url}/v2/corp/app/blobs/${digestOf(layer)}`, {
    headers,
    redirect: 'manual',
  });
  const signed = answer.headers.get('location') ?? '';
  expect(signed.startsWith(`${mirror.url}/pool/blobs/sha256/`)).toBe(true);
  expect(await status(signed)).toBe(200);
  expect(await status(signed.replace(/\?.*/, ''))).toBe(403);
  expect(await status(signed.replace(/expires=\d/, 'expires=9'))).toBe(403);
  expect(await status(`${signed.slice(0, -1)}${signed.endsWith('A') ? 'B' : 'A'}`)).toBe(403);
  expect(await status(`${mirror.url}/serial/current.json`)).toBe(200);
});
