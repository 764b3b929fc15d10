import { mkdir, writeFile } from 'node:fs/promises';
import { Agent, type AgentOptions, get } from 'node:https';
import path from 'node:path';
import { deflateSync } from 'node:zlib';
import { type Crane, startCrane } from '@gantry/app-crane';
import { digestOf, MANIFEST_MEDIA_TYPES } from '@gantry/oci';
import { layTree } from '@gantry/tree';
import type { PrivateConfiguration } from '@gantry/service';
import { makeAuthority } from '../servers/certificates.ts';
import { freePort } from '../servers/free-port.ts';
import { type TemporaryFolder, temporaryFolder } from '../servers/temporary-folder.ts';

/** Clients' certificates by TLS and in a proxy's header; what redirect files protect; credentials that can't be looked at. */

const NAME = 'corp/pulp';
const TAGS = `/v2/${NAME}/tags/list`;
const CONTENT = '1.3.6.1.4.1.2312.9.2.4711.1.6';
const VERSION = '1.3.6.1.4.1.2312.9.6';
const PACKED = '1.3.6.1.4.1.2312.9.7';
/** The words `content`, `corp` and none, and three nodes: the root leads by `content` to one, which leads by `corp` to the other. */
const PATHS = Buffer.concat([deflateSync('content\0corp\0'), Buffer.from([3, 0b1000_1110, 0])]);

const OCI_MANIFEST = MANIFEST_MEDIA_TYPES['oci-manifest'];
const EMPTY = { mediaType: 'application/vnd.oci.empty.v1+json', digest: digestOf('{}'), size: 2 };

const authority = makeAuthority('Entitlements');
const web = makeAuthority('Web').issue('127.0.0.1');
const opened = new AsyncDisposableStack();
let folder: TemporaryFolder;
let guarded: PrivateConfiguration;

/** One that is private, and one that refers to it. */
const manifest = (more: object) =>
  Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, config: EMPTY, layers: [], ...more }),
  );
const signed = manifest({});
const signature = manifest({
  artifactType: 'application/vnd.example.signature',
  subject: { mediaType: OCI_MANIFEST, digest: digestOf(signed), size: signed.length },
});

const at = (name: string) => path.join(folder.path, name);

beforeAll(async () => {
  folder = opened.use(await temporaryFolder('certificates'));
  await layTree(at('tree'), {
    repositories: [
      {
        name: 'corp/hidden/app',
        tags: new Map([['latest', digestOf(signed)]]),
        manifests: [signed, signature],
        blobs: [Buffer.from('{}')],
      },
    ],
  });
  await mkdir(at('files'));
  const described = { repository: 'pulp', 'repo-registry-id': NAME, protected: true };
  const files = {
    'files/paths.json': JSON.stringify({
      version: 2,
      ...described,
      url: 'https://cdn.example/content/corp/x',
    }),
    'files/images.json': JSON.stringify({
      version: 1,
      ...described,
      url: 'https://cdn.example/content/corp/x',
      images: [{ id: 'abc' }],
      tags: { latest: 'abc' },
    }),
    'ca.pem': authority.cert,
    'web.pem': web.cert,
    'web.key': web.key,
    htpasswd: 'alice:$2y$04$qwTBjz1vOMJfho20.hn3T.1q2IMpGQbilb26Z.2veZxfnBWw/Itqi\n',
  };
  for (const [name, text] of Object.entries(files)) await writeFile(at(name), text, { mode: 0o600 });
  guarded = {
    repositories: ['corp/hidden/**'],
    readers: [],
    challenge: ['base'],
    certificates: {
      caFile: at('ca.pem'),
      header: 'x-ssl-client-cert',
      path: '/content/{repository}',
      values: [{ oid: '1.2.3.4', value: 'gold', repositories: ['corp/**'] }],
    },
  };
});
afterAll(() => opened.disposeAsync());

async function start(changed: Partial<PrivateConfiguration> = {}, isSecure = false): Promise<Crane> {
  const crane = await startCrane({
    listen: { host: '127.0.0.1', port: 0 },
    pollMs: 1000,
    status: 302,
    manifests: 'auto',
    mirrors: [],
    logger: { info() {}, warn() {}, error() {} },
    tree: at('tree'),
    redirectJson: { directories: [at('files')], cdn: {} },
    private: { ...guarded, ...changed },
    trustedProxies: ['127.0.0.1'],
    ...(isSecure && { tls: { certFile: at('web.pem'), keyFile: at('web.key') } }),
  });
  return opened.use(crane);
}

function issue(extensions: Readonly<Record<string, string | Buffer>>) {
  return authority.issue('client', [], { extensions });
}

const GOOD = () => issue({ [CONTENT]: '/content/corp' }).cert;

describe('in a header', () => {
  let crane: Crane;
  beforeAll(async () => {
    crane = await start();
  });
  const ask = (target: string, header?: string) =>
    fetch(crane.url + target, {
      redirect: 'manual',
      headers: header === undefined ? {} : { 'X-SSL-Client-Cert': header },
    });

  test.each<[string, () => string | undefined, number]>([
    ['none', () => undefined, 404],
    ['one with escapes', () => encodeURIComponent(GOOD()), 302],
    ['one whose line breaks are lost', () => GOOD().replaceAll('\n', ' '), 302],
    ['one for another path', () => encodeURIComponent(issue({ [CONTENT]: '/content/other' }).cert), 404],
    ['one with the value', () => encodeURIComponent(issue({ '1.2.3.4': 'gold' }).cert), 302],
    ['packed paths', () => encodeURIComponent(issue({ [VERSION]: '3.4', [PACKED]: PATHS }).cert), 302],
    ['packed paths that are lost', () => encodeURIComponent(issue({ [VERSION]: '3.4' }).cert), 404],
    [
      'packed paths that are broken',
      () => encodeURIComponent(issue({ [VERSION]: '3.4', [PACKED]: Buffer.from('x') }).cert),
      404,
    ],
    ['no certificate', () => 'SGVsbG8=', 404],
  ])('what is protected is there, or not, for who shows %s', async (_, header, status) => {
    expect((await ask(TAGS, header())).status).toBe(status);
  });

  test('lists and the API before Docker 1.6 tell of it those who may have it', async () => {
    const header = encodeURIComponent(GOOD());
    for (const list of ['v1', 'v2']) {
      const [told, hidden] = await Promise.all([
        ask(`/crane/repositories/${list}`, header),
        ask(`/crane/repositories/${list}`),
      ]);
      expect(await told.text()).toMatch(/<h2>corp\/pulp<\/h2>\s*<p>Protected<\/p>/);
      expect(told.headers.get('cache-control')).toMatch(/^private/);
      expect(await hidden.text()).not.toContain('corp/pulp');
    }
    const image = '/v1/images/abc/json';
    expect([(await ask(image, header)).status, (await ask(image)).status]).toEqual([302, 404]);
  });

  test('a name that is private is that of nobody, also where redirect files tell of it', async () => {
    expect((await ask('/v2/corp/hidden/x/tags/list')).status).toBe(404);
  });

  test('referrers of what is private are kept by no shared cache', async () => {
    const target = `/v2/corp/hidden/app/referrers/${digestOf(signed)}`;
    const answer = await ask(target, encodeURIComponent(issue({ '1.2.3.4': 'gold' }).cert));
    expect(await answer.json()).toMatchObject({ manifests: [{ digest: digestOf(signature) }] });
    expect(answer.headers.get('cache-control')).toBe('private, no-cache');
    expect((await ask(target)).status).toBe(404);
  });
});

test('by TLS a connection has one certificate for all its requests, or none', async () => {
  const certificates = { caFile: at('ca.pem'), path: '/content/{repository}', values: [] };
  const crane = await start({ certificates }, true);
  const port = Number(new URL(crane.url).port);
  const statuses = async (options: AgentOptions) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false, ...options });
    const found: (number | undefined)[] = [];
    for (let count = 0; count < 2; count++) {
      const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
      get({ host: '127.0.0.1', port, path: TAGS, agent }, (reply) =>
        reply.resume().on('end', () => resolve(reply.statusCode)),
      ).on('error', reject);
      found.push(await promise);
    }
    agent.destroy();
    return found;
  };
  expect(await statuses({})).toEqual([404, 404]);
  expect(await statuses(issue({ [CONTENT]: '/content/corp' }))).toEqual([302, 302]);
  expect(await statuses(makeAuthority('Entitlements').issue('client'))).toEqual([404, 404]);
});

test('a file of certificates that are of no authority is refused', async () => {
  await writeFile(at('leaf.pem'), web.cert);
  const certificates = { caFile: at('leaf.pem'), path: '/{repository}', values: [] };
  await expect(start({ certificates })).rejects.toThrow('holds no certificate of an authority');
});

test('with passwords alone a password is asked for', async () => {
  const crane = await start({ htpasswdFile: at('htpasswd') });
  const ask = async (authorization?: string) => {
    const response = await fetch(`${crane.url}/v2/`, {
      headers: authorization === undefined ? {} : { authorization },
    });
    return [response.status, response.headers.get('www-authenticate'), await response.text()];
  };
  const asked = 'Basic realm="registry", charset="UTF-8"';
  expect(await ask()).toEqual([401, asked, expect.stringContaining('a name and a password are needed')]);
  expect(await ask(`Basic ${btoa('alice:wrong')}`)).toEqual([
    401,
    asked,
    expect.stringContaining('not right'),
  ]);
  expect((await ask(`Basic ${btoa('alice:right')}`))[0]).toBe(200);
});

const part = (members: object) => Buffer.from(JSON.stringify(members)).toString('base64url');

test('where the keys of tokens can not be had, who shows one is told to come again', async () => {
  const crane = await start({
    tokens: {
      realm: 'https://tokens.example.org/token',
      service: 'registry',
      issuer: 'https://tokens.example.org',
      keyFiles: [],
      jwksUri: `https://127.0.0.1:${await freePort()}/keys`,
      clockToleranceMs: 0,
    },
  });
  const token = `${part({ alg: 'ES256', typ: 'JWT', kid: 'one' })}.${part({})}.AAAA`;
  const headers = { authorization: `Bearer ${token}` };
  const response = await fetch(`${crane.url}/v2/`, { headers });
  expect([response.status, response.headers.get('retry-after')]).toEqual([503, '5']);
});
