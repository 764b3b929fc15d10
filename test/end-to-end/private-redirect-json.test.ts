import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Crane, startCrane } from '@gantry/app-crane';
import type { PrivateConfiguration } from '@gantry/service';
import { makeAuthority } from '../servers/certificates.ts';
import { type TemporaryFolder, temporaryFolder } from '../servers/temporary-folder.ts';

/** What redirect files tell of is hidden as what stands in a tree is: by its name, and where they say `protected`. */

const CONTENT = '1.3.6.1.4.1.2312.9.2.4711.1.6';
/** As `htpasswd -B -C 4` writes it. */
const RIGHT = '$2y$04$qwTBjz1vOMJfho20.hn3T.1q2IMpGQbilb26Z.2veZxfnBWw/Itqi';

/** Whose names say what they are: `protected`, of a name that is `private`, both, or neither. */
const NAMES = ['open/free', 'open/protected', 'corp/private', 'corp/both'] as const;

const authority = makeAuthority('Entitlements');
let folder: TemporaryFolder;

beforeAll(async () => {
  folder = await temporaryFolder('private-redirect-json');
  await mkdir(path.join(folder.path, 'files'));
  for (const name of NAMES) {
    const described = {
      'repo-registry-id': name,
      repository: name.replace('/', '-'),
      url: `http://cdn.example/content/${name}/`,
      protected: name === 'open/protected' || name === 'corp/both',
    };
    const images = { images: [{ id: `of-${described.repository}` }], tags: { latest: 'x' } };
    const file = path.join(folder.path, 'files', described.repository);
    await writeFile(`${file}.json`, JSON.stringify({ ...described, version: 2 }));
    await writeFile(`${file}-v1.json`, JSON.stringify({ ...described, version: 1, ...images }));
  }
  await writeFile(path.join(folder.path, 'htpasswd'), `alice:${RIGHT}\n`);
  await writeFile(path.join(folder.path, 'ca.pem'), authority.cert);
});

afterAll(() => folder?.[Symbol.asyncDispose]());

function start(isGuarded: boolean, compat: boolean): Promise<Crane> {
  const guarded: PrivateConfiguration = {
    repositories: ['corp/**'],
    readers: [{ users: ['alice'], groups: [], repositories: ['corp/**', 'open/protected'] }],
    challenge: [],
    htpasswdFile: path.join(folder.path, 'htpasswd'),
    certificates: {
      caFile: path.join(folder.path, 'ca.pem'),
      header: 'x-ssl-client-cert',
      path: '/content/{repository}',
      values: [],
    },
  };
  return startCrane({
    listen: { host: '127.0.0.1', port: 0 },
    redirectJson: { directories: [path.join(folder.path, 'files')], cdn: {} },
    compat,
    pollMs: 1000,
    status: 302,
    manifests: 'auto',
    mirrors: [],
    logger: { info() {}, warn() {}, error() {} },
    trustedProxies: ['127.0.0.1'],
    ...(isGuarded && { private: guarded }),
  });
}

function certificate(content: string) {
  const { cert } = authority.issue('client', [], { extensions: { [CONTENT]: content } });
  return { 'X-SSL-Client-Cert': encodeURIComponent(cert) };
}

const basic = (password: string) => ({
  Authorization: `Basic ${Buffer.from(`alice:${password}`).toString('base64')}`,
});

type Headers = Readonly<Record<string, string>>;

const WHO: readonly (readonly [string, boolean, Headers, readonly string[]])[] = [
  ['anybody, where nothing is private', false, {}, ['open/free', 'corp/private']],
  [
    'one with a certificate, where nothing is private',
    false,
    certificate('/content'),
    ['open/free', 'corp/private'],
  ],
  ['anybody', true, {}, ['open/free']],
  ['one with the password of a reader', true, basic('right'), NAMES],
  ['one with a certificate for all', true, certificate('/content'), NAMES],
  [
    'one with a certificate for what is protected',
    true,
    certificate('/content/open/protected'),
    ['open/free', 'open/protected'],
  ],
];

const TARGETS = [
  (name: string) => `/v2/${name}/manifests/latest`,
  (name: string) => `/v2/${name}/tags/list`,
  (name: string) => `/v2/${name}/blobs/sha256:${'0'.repeat(64)}`,
  (name: string) => `/v1/repositories/${name}/images`,
  (name: string) => `/v1/repositories/${name}/tags`,
  (name: string) => `/v1/repositories/${name}/tags/latest`,
  (name: string) => `/v1/images/of-${name.replace('/', '-')}/json`,
];

for (const compat of [false, true]) {
  test.each(WHO)(`%s, with compat: ${compat}`, async (_, isGuarded, headers, readable) => {
    await using crane = await start(isGuarded, compat);
    const ask = (target: string, more: Headers = {}) =>
      fetch(crane.url + target, { redirect: 'manual', headers: { ...headers, ...more } });
    for (const target of TARGETS) {
      const there: string[] = [];
      for (const name of NAMES) {
        const { status } = await ask(target(name));
        if (status !== 404) there.push(name);
      }
      expect([target('NAME'), there]).toEqual([target('NAME'), readable]);
    }
    for (const list of ['', '/v1', '/v2']) {
      const answer = await ask(`/crane/repositories${list}`, { Accept: 'application/json' });
      expect(Object.keys((await answer.json()) as object)).toEqual([...readable].toSorted());
      expect(answer.headers.get('cache-control')).toBe(isGuarded ? 'private, no-cache' : 'no-cache');
      const page = await (await ask(`/crane/repositories${list}`, { Accept: 'text/html' })).text();
      expect(NAMES.filter((name) => page.includes(name))).toEqual(readable);
    }
  });
}

test('a list that was made for one is not shown to another', async () => {
  await using crane = await start(true, false);
  const list = async (who: Headers) => {
    const headers = { ...who, Accept: 'application/json' };
    const answer = await fetch(`${crane.url}/crane/repositories/v2`, { headers });
    return Object.keys((await answer.json()) as object);
  };
  expect(await list(basic('right'))).toHaveLength(4);
  expect(await list({})).toEqual(['open/free']);
  expect(await list(basic('right'))).toHaveLength(4);
  expect(await list(certificate('/content/corp'))).toEqual(['corp/both', 'corp/private', 'open/free']);
});
