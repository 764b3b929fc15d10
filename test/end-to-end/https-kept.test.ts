import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { Agent, get } from 'node:https';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import type { Crane, CraneOptions } from '@gantry/app-crane';
import type { Digest } from '@gantry/oci';
import { makeImage, makeLayer } from '@gantry/registry';
import { layTree } from '@gantry/tree';
import { laidRepository } from '../fixtures/laid-repository.ts';
import { openQuickCrane } from '../fixtures/quick-crane.ts';
import { makeAuthority } from '../servers/certificates.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';

/** Who comes by https is not sent on to http: neither by a crane that speaks TLS itself, nor behind a proxy that does. */
const authority = makeAuthority('An authority of the tests');
const opened = new AsyncDisposableStack();
const image = makeImage({ platform: { os: 'linux', architecture: 'amd64' }, layers: [makeLayer([])] });
const DIGEST = image.blobs[0]?.digest as Digest;
const MIRRORS = [{ name: 'plain', url: 'http://plain.example/', trusted: true }];
const SECURE = { name: 'secure', url: 'https://secure.example/', trusted: true, weight: 0.001 };
const BEHIND_TLS = { 'X-Forwarded-Proto': 'https' };
let at: (name: string) => string;

beforeAll(async () => {
  const folder = opened.use(await temporaryFolder('https-kept'));
  at = (name) => path.join(folder.path, name);
  const { cert, key } = authority.issue('crane', ['crane.example.org']);
  await writeFile(at('cert.pem'), cert);
  await writeFile(at('key.pem'), key, { mode: 0o600 });
  await layTree(at('tree'), { repositories: [laidRepository('plain/oci', { latest: image })] });
  await mkdir(at('files'));
  const files = {
    'http.json': { version: 2, repository: 'a', 'repo-registry-id': 'foo/http', url: 'http://cdn.example/a' },
    'https.json': {
      version: 2,
      repository: 'b',
      'repo-registry-id': 'foo/https',
      url: 'https://cdn.example/b',
    },
    'v1.json': {
      version: 1,
      repository: 'c',
      'repo-registry-id': 'foo/old',
      url: 'http://cdn.example/c',
      images: [{ id: 'abc123' }],
      tags: {},
    },
  };
  for (const [name, content] of Object.entries(files))
    await writeFile(path.join(at('files'), name), JSON.stringify(content));
});
afterAll(() => opened.disposeAsync());

const start = async (more: Partial<CraneOptions>): Promise<Crane> =>
  opened.use(
    await openQuickCrane(at('tree'), { redirectJson: { directories: [at('files')], cdn: {} }, ...more }),
  );
const startSecure = (more: Partial<CraneOptions> = {}) =>
  start({ mirrors: MIRRORS, tls: { certFile: at('cert.pem'), keyFile: at('key.pem') }, ...more });
const startBehindProxy = (more: Partial<CraneOptions> = {}) =>
  start({ mirrors: MIRRORS, trustedProxies: ['127.0.0.1'], ...more });

async function askSecure(crane: Crane, target: string): Promise<[number, string, string]> {
  using agent = Object.assign(new Agent({ ca: authority.cert }), {
    [Symbol.dispose]: () => agent.destroy(),
  });
  const [response] = (await once(get(crane.url + target, { agent }), 'response')) as [IncomingMessage];
  return [response.statusCode ?? 0, response.headers.location ?? '', await text(response)];
}

async function askBehindProxy(crane: Crane, target: string): Promise<[number, string, string]> {
  const answer = await fetch(crane.url + target, { redirect: 'manual', headers: BEHIND_TLS });
  return [answer.status, answer.headers.get('Location') ?? '', await answer.text()];
}

const WAYS = [
  ['a crane that speaks TLS', startSecure, askSecure],
  ['a crane behind a proxy that does', startBehindProxy, askBehindProxy],
] as const;

describe.each(WAYS)('%s', (_, open, ask) => {
  test('sends nobody to an http mirror, were it the only one', async () => {
    const crane = await open();
    const [status, location] = await ask(crane, `/v2/plain/oci/blobs/${DIGEST}`);
    expect([status, location]).toEqual([503, '']);
  });

  test('sends everybody to the https one', async () => {
    const crane = await open({ mirrors: [...MIRRORS, SECURE] });
    const [status, location] = await ask(crane, `/v2/plain/oci/blobs/${DIGEST}`);
    expect([status, location]).toEqual([302, expect.stringMatching(/^https:\/\/secure\.example\//)]);
  });

  test('sends nobody to where a redirect file names http, and says why', async () => {
    const crane = await open();
    const [status, location, body] = await ask(crane, `/v2/foo/http/blobs/${DIGEST}`);
    expect([status, location]).toEqual([503, '']);
    expect(body).toContain('who came by https is not sent on to http');
    expect((await ask(crane, '/v1/images/abc123/json')).slice(0, 2)).toEqual([503, '']);
    expect((await ask(crane, `/v2/foo/https/blobs/${DIGEST}`)).slice(0, 2)).toEqual([
      302,
      `https://cdn.example/b/blobs/${DIGEST}`,
    ]);
  });

  test('goes by where the URL leads once it is rewritten', async () => {
    const rewrite = { match: 'http://cdn.example', replace: 'https://edge.example' };
    const crane = await open({ redirectJson: { directories: [at('files')], cdn: { rewrite } } });
    expect((await ask(crane, `/v2/foo/http/blobs/${DIGEST}`)).slice(0, 2)).toEqual([
      302,
      `https://edge.example/a/blobs/${DIGEST}`,
    ]);
  });

  test('redirects as the original did where it is to be as the original', async () => {
    const crane = await open({ compat: true });
    for (const [target, there] of [
      [`/v2/foo/http/blobs/${DIGEST}`, `http://cdn.example/a/blobs/${DIGEST}`],
      ['/v1/images/abc123/json', 'http://cdn.example/c/abc123/json'],
    ] as const)
      expect((await ask(crane, target)).slice(0, 2)).toEqual([302, there]);
  });
});

test('who says of itself that it came by https is believed nothing', async () => {
  const crane = await start({ mirrors: MIRRORS });
  const said = { 'X-Forwarded-Proto': 'https', 'X-Forwarded-For': '192.0.2.1' };
  const ask = (target: string) => fetch(crane.url + target, { redirect: 'manual', headers: said });
  expect((await ask(`/v2/foo/http/blobs/${DIGEST}`)).status).toBe(302);
});
