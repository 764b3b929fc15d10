import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Crane, startCrane } from '@gantry/app-crane';
import { layTree } from '@gantry/tree';
import type { PrivateConfiguration } from '@gantry/service';
import { makeAuthority } from '../servers/certificates.ts';
import { type TemporaryFolder, temporaryFolder } from '../servers/temporary-folder.ts';
import { until } from '../servers/until.ts';

/** What redirect files tell of is hidden as what stands in a tree is: by its name, and where they say `protected`. */

const CONTENT = '1.3.6.1.4.1.2312.9.2.4711.1.6';
/** As `htpasswd -B -C 4` writes it. */
const RIGHT = '$2y$04$qwTBjz1vOMJfho20.hn3T.1q2IMpGQbilb26Z.2veZxfnBWw/Itqi';

/** Whose names say what they are: `protected`, of a name that is `private`, both, or neither. */
const NAMES = ['open/free', 'open/protected', 'corp/private', 'corp/both'] as const;

const authority = makeAuthority('Entitlements');
const stranger = makeAuthority('Entitlements'); // of the same name, with another key
const opened = new AsyncDisposableStack();
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
  const publicKey = signing.publicKey.export({ type: 'spki', format: 'pem' });
  await writeFile(path.join(folder.path, 'tokens.pub'), publicKey);
});

afterAll(async () => {
  await opened.disposeAsync();
  await folder?.[Symbol.asyncDispose]();
});

/** One crane for all that ask the same. */
const cranes = new Map<string, Promise<Crane>>();
const shared = (isGuarded: boolean, compat: boolean) =>
  cranes.getOrInsertComputed(`${isGuarded} ${compat}`, async () =>
    opened.use(await start(isGuarded, compat)),
  );

function start(
  isGuarded: boolean,
  compat: boolean,
  more: Partial<Parameters<typeof startCrane>[0]> = {},
): Promise<Crane> {
  const guarded: PrivateConfiguration = {
    repositories: ['corp/**'],
    readers: [{ users: ['alice'], groups: [], repositories: ['corp/**', 'open/protected'] }],
    challenge: [],
    htpasswdFile: path.join(folder.path, 'htpasswd'),
    tokens: {
      realm: 'https://tokens.example.org/token',
      service: 'registry',
      issuer: 'gantry',
      keyFiles: [path.join(folder.path, 'tokens.pub')],
      clockToleranceMs: 0,
    },
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
    ...more,
    pollMs: 1000,
    status: 302,
    manifests: 'auto',
    mirrors: [],
    logger: { info() {}, warn() {}, error() {} },
    trustedProxies: ['127.0.0.1'],
    ...(isGuarded && { private: guarded }),
  });
}

function certificate(content: string, from = authority) {
  const { cert } = from.issue('client', [], { extensions: { [CONTENT]: content } });
  return { 'X-SSL-Client-Cert': encodeURIComponent(cert) };
}

const basic = (password: string) => ({
  Authorization: `Basic ${Buffer.from(`alice:${password}`).toString('base64')}`,
});

const signing = generateKeyPairSync('ed25519');
function token(names: readonly string[], exp = Date.now() / 1000 + 60) {
  const access = names.map((name) => ({ type: 'repository', name, actions: ['pull'] }));
  const claims = { iss: 'gantry', aud: 'registry', exp: Math.floor(exp), access };
  const parts = [{ alg: 'EdDSA' }, claims].map((part) =>
    Buffer.from(JSON.stringify(part)).toString('base64url'),
  );
  const signature = sign(null, Buffer.from(parts.join('.')), signing.privateKey).toString('base64url');
  return { Authorization: `Bearer ${parts.join('.')}.${signature}` };
}

type Headers = Readonly<Record<string, string>>;

/** Who asks, whether there is a way in, and what they may know of. */
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
  ['one with a certificate of another authority', true, certificate('/content', stranger), ['open/free']],
  ['one with a token for all', true, token(NAMES), NAMES],
  ['one with a token for one', true, token(['corp/both']), ['open/free', 'corp/both']],
];
/** Whose credentials are wrong. */
const REFUSED: readonly (readonly [string, Headers])[] = [
  ['a wrong password', basic('wrong')],
  ['a token that has expired', token(NAMES, 0)],
];

const TODAY = [
  (name: string) => `/v2/${name}/manifests/latest`,
  (name: string) => `/v2/${name}/tags/list`,
  (name: string) => `/v2/${name}/blobs/sha256:${'0'.repeat(64)}`,
];
const BEFORE = [
  (name: string) => `/v1/repositories/${name}/images`,
  (name: string) => `/v1/repositories/${name}/tags`,
  (name: string) => `/v1/repositories/${name}/tags/latest`,
  (name: string) => `/v1/images/of-${name.replace('/', '-')}/json`,
];

for (const compat of [false, true]) {
  test.each(WHO)(`%s, with compat: ${compat}`, async (_, isGuarded, headers, readable) => {
    const crane = await shared(isGuarded, compat);
    const ask = (target: string, more: Headers = {}) =>
      fetch(crane.url + target, { redirect: 'manual', headers: { ...headers, ...more } });
    for (const target of [...TODAY, ...BEFORE]) {
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

test.each(REFUSED)(
  'who shows %s is asked for another, and has what nobody has where nothing is asked for',
  async (_, headers) => {
    const crane = await shared(true, false);
    const status = async (target: string) =>
      (await fetch(crane.url + target, { redirect: 'manual', headers })).status;
    for (const name of NAMES) {
      for (const target of TODAY) expect([name, await status(target(name))]).toEqual([name, 401]);
      for (const target of BEFORE)
        expect([name, (await status(target(name))) === 404]).toEqual([name, name !== 'open/free']);
    }
    const list = await fetch(`${crane.url}/crane/repositories`, {
      headers: { ...headers, Accept: 'application/json' },
    });
    expect(Object.keys((await list.json()) as object)).toEqual(['open/free']);
  },
);

const seen = ({ body }: { readonly body: string }) => NAMES.filter((name) => body.includes(name));

test('the catalogue, a search and the page tell names to those who may read them', async () => {
  // Beside a tree, as the page finds nothing without one.
  const tree = path.join(folder.path, 'tree');
  await layTree(tree, { repositories: [{ name: 'open/tree', tags: {} }] });
  await using crane = await start(true, false, {
    tree,
    catalog: true,
    page: true,
    search: { tags: 2, labels: [] },
  });
  const ask = async (target: string, headers: Headers) => {
    const answer = await fetch(crane.url + target, { headers });
    const isShared = !/^private|^no-store/.test(answer.headers.get('cache-control') ?? '');
    expect([target, answer.ok && isShared]).toEqual([target, false]);
    return { status: answer.status, body: await answer.text() };
  };
  await until('the index of names', async () => seen(await ask('/v1/search?q=free', {})).length === 1);
  const words = ['free', 'protected', 'private', 'both'];
  for (const [who, isGuarded, headers, readable] of WHO) {
    if (!isGuarded) continue;
    const found = await Promise.all(words.map((word) => ask(`/v1/search?q=${word}`, headers)));
    const shown = await Promise.all(words.map((word) => ask(`/?q=${word}`, headers)));
    expect([who, seen(await ask('/v2/_catalog', headers))]).toEqual([who, readable]);
    expect([who, found.flatMap(seen)]).toEqual([who, readable]);
    expect([who, shown.flatMap(seen)]).toEqual([who, readable]);
  }
  for (const [who, headers] of REFUSED) {
    for (const target of ['/v2/_catalog', '/v1/search?q=free', '/?q=free', '/'])
      expect([who, target, (await ask(target, headers)).status]).toEqual([who, target, 401]);
  }
});

test('a list that was made for one is not shown to another', async () => {
  const crane = await shared(true, false);
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
