import { createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { SignJWT } from 'jose';
import { type Crane, startCrane } from '@gantry/app-crane';
import { digestOf, MANIFEST_MEDIA_TYPES } from '@gantry/oci';
import { layTree } from '@gantry/tree';
import type { PrivateConfiguration } from '@gantry/service';
import { until } from '../servers/until.ts';
import { makeAuthority } from '../servers/certificates.ts';
import { type TemporaryFolder, temporaryFolder } from '../servers/temporary-folder.ts';

/** Each route, with each kind of credentials, for what is public, private and unknown. */

const blobs = [Buffer.from('{}'), Buffer.from('a layer')] as const;
const [config, layer] = blobs;
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
const digest = digestOf(manifest);
/** As `htpasswd -B -C 4` writes them. */
const HASHES = {
  right: '$2y$04$qwTBjz1vOMJfho20.hn3T.1q2IMpGQbilb26Z.2veZxfnBWw/Itqi',
  old: '$2y$04$x/lT9R9Jac0Fw.VXNJujaO3InjfKVwl2RyXhFcNyVeMFkahi/O3/K',
  new: '$2y$04$4bheajG9/DlP2c6xdwzeXeEn.d43wbmycjzSoPhxLLFVf5OUkwNsm',
} as const;
const SECRET = 'corp/secret';
const UNKNOWN = 'corp/nobody'; // as long as the name of the one that is there
const PUBLIC = 'open/public';
const SERVICE = 'registry.example.org';
const ISSUER = 'https://tokens.example.org';
const CONTENT = '1.3.6.1.4.1.2312.9.2.4711.1.6';

const signing = generateKeyPairSync('ed25519');
const other = generateKeyPairSync('ed25519');
const elliptic = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const authority = makeAuthority('Entitlements');
const stranger = makeAuthority('Entitlements'); // of the same name, with another key

let folder: TemporaryFolder;
let guarded: PrivateConfiguration;
let shared: Crane;

beforeAll(async () => {
  folder = await temporaryFolder('private');
  const at = (name: string) => path.join(folder.path, name);
  await layTree(at('tree'), {
    repositories: [SECRET, PUBLIC].map((name) => ({
      name,
      tags: new Map([['latest', digest]]),
      manifests: [manifest],
      blobs,
    })),
  });
  await writeFile(at('htpasswd'), `alice:${HASHES.right}\nbob:${HASHES.right}\n`);
  await writeFile(at('ca.pem'), authority.cert);
  await writeFile(at('key.pem'), signing.publicKey.export({ type: 'spki', format: 'pem' }));
  guarded = {
    repositories: ['corp/**'],
    readers: [{ users: ['alice'], groups: [], repositories: ['corp/*'] }],
    challenge: ['base'],
    htpasswdFile: at('htpasswd'),
    tokens: {
      realm: `${ISSUER}/token`,
      service: SERVICE,
      issuer: ISSUER,
      keyFiles: [at('key.pem')],
      clockToleranceMs: 30_000,
    },
    certificates: {
      caFile: at('ca.pem'),
      header: 'x-ssl-client-cert',
      path: '/content/{repository}',
      values: [{ oid: '1.2.3.4', value: 'gold', repositories: ['corp/**'] }],
    },
  };
  shared = await start();
  await until('the index of names to be made', async () => (await ask(shared, '/v1/search?q=o')).ok);
});

afterAll(async () => {
  await shared?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

const start = (changed: Partial<PrivateConfiguration> = {}, trustedProxies = ['127.0.0.1']) =>
  startCrane({
    listen: { host: '127.0.0.1', port: 0 },
    pollMs: 1000,
    status: 302,
    manifests: 'auto',
    mirrors: [],
    logger: { info() {}, warn() {}, error() {} },
    tree: path.join(folder.path, 'tree'),
    catalog: true,
    page: true,
    search: { tags: 2, labels: [] },
    private: { ...guarded, ...changed },
    trustedProxies,
  });

function ask(crane: Crane, target: string, init: RequestInit = {}): Promise<Response> {
  return fetch(crane.url + target, { redirect: 'manual', ...init });
}

type Claims = Readonly<Record<string, unknown>>;
const seconds = () => Math.floor(Date.now() / 1000);

function claims(changed: Claims = {}): Claims {
  return {
    iss: ISSUER,
    aud: SERVICE,
    exp: seconds() + 60,
    access: [{ type: 'repository', name: SECRET, actions: ['pull'] }],
    ...changed,
  };
}

async function token(
  changed: Claims = {},
  key: KeyObject = signing.privateKey,
  alg = 'EdDSA',
): Promise<Headers> {
  const signed = await new SignJWT(claims(changed)).setProtectedHeader({ alg }).sign(key);
  return new Headers({ Authorization: `Bearer ${signed}` });
}

/** Signed by hand, as no library would. */
function forged(alg: string, sign: (text: string) => string): Headers {
  const parts = [{ alg, typ: 'JWT' }, claims()];
  const text = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return new Headers({ Authorization: `Bearer ${text}.${sign(text)}` });
}

function basic(user: string, password: string): Headers {
  return new Headers({ Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` });
}

function certificate(
  extensions: Readonly<Record<string, string>>,
  { from = authority, years }: { from?: typeof authority; years?: readonly [string, string] } = {},
): Headers {
  const { cert } = from.issue('client', [], { extensions, ...(years !== undefined && { years }) });
  return new Headers({ 'X-SSL-Client-Cert': encodeURIComponent(cert) });
}

const publicPem = signing.publicKey.export({ type: 'spki', format: 'pem' });

/**
 * What each lets its holder do: read what is private; only what is public, known or not; or nothing, since it is wrong.
 */
const CREDENTIALS: readonly (readonly [
  string,
  () => Headers | Promise<Headers>,
  'reader' | 'known' | 'anybody' | 'refused',
])[] = [
  ['none', () => new Headers(), 'anybody'],
  ['the password of a reader', () => basic('alice', 'right'), 'reader'],
  ['the password of one whom no rule names', () => basic('bob', 'right'), 'known'],
  ['a wrong password', () => basic('alice', 'wrong'), 'refused'],
  ['a password of nobody', () => basic('mallory', 'right'), 'refused'],
  ['a token for it', () => token(), 'reader'],
  ['a token for nothing', () => token({ access: [] }), 'known'],
  ['a token without access', () => token({ access: undefined }), 'known'],
  [
    'a token for another repository',
    () => token({ access: [{ type: 'repository', name: UNKNOWN, actions: ['pull'] }] }),
    'known',
  ],
  [
    'a token to push',
    () => token({ access: [{ type: 'repository', name: SECRET, actions: ['push'] }] }),
    'known',
  ],
  ['a token for another service', () => token({ aud: 'other.example.org' }), 'refused'],
  ['a token of another issuer', () => token({ iss: 'https://other.example.org' }), 'refused'],
  ['a token that has expired', () => token({ exp: seconds() - 60 }), 'refused'],
  ['a token that never expires', () => token({ exp: undefined }), 'refused'],
  ['a token of the future', () => token({ nbf: seconds() + 300 }), 'refused'],
  ['a token of another key', () => token({}, other.privateKey), 'refused'],
  ['a token of a key of another kind', () => token({}, elliptic.privateKey, 'ES256'), 'refused'],
  ['a token with alg none', () => forged('none', () => ''), 'refused'],
  [
    'a token signed by the public key as a shared secret',
    () => forged('HS256', (text) => createHmac('sha256', publicPem).update(text).digest('base64url')),
    'refused',
  ],
  ['what is no token', () => new Headers({ Authorization: 'Bearer x' }), 'refused'],
  ['a scheme that nobody knows', () => new Headers({ Authorization: 'Negotiate abc' }), 'anybody'],
  ['a certificate for its path', () => certificate({ [CONTENT]: '/content/corp/secret' }), 'reader'],
  ['a certificate for a path above it', () => certificate({ [CONTENT]: '/content/$vendor' }), 'reader'],
  ['a certificate with the value', () => certificate({ '1.2.3.4': 'gold' }), 'reader'],
  ['a certificate with another value', () => certificate({ '1.2.3.4': 'silver' }), 'known'],
  ['a certificate for another path', () => certificate({ [CONTENT]: '/content/corp/secr' }), 'known'],
  ['a certificate without paths', () => certificate({}), 'known'],
  [
    'a certificate of another authority',
    () => certificate({ [CONTENT]: '/content/corp/secret' }, { from: stranger }),
    'anybody',
  ],
  [
    'a certificate that has expired',
    () => certificate({ [CONTENT]: '/content/corp/secret' }, { years: ['20', '21'] }),
    'anybody',
  ],
  [
    'a certificate of the future',
    () => certificate({ [CONTENT]: '/content/corp/secret' }, { years: ['48', '49'] }),
    'anybody',
  ],
  [
    'what is no certificate',
    () =>
      new Headers({ 'X-SSL-Client-Cert': '-----BEGIN%20CERTIFICATE-----AAAA-----END%20CERTIFICATE-----' }),
    'anybody',
  ],
];

const NAMED = [
  ['GET', '/tags/list'],
  ['HEAD', '/tags/list'],
  ['GET', '/tags/list?n=1'],
  ['GET', '/manifests/latest'],
  ['HEAD', '/manifests/latest'],
  ['GET', `/manifests/${digest}`],
  ['HEAD', `/manifests/${digest}`],
  ['GET', `/manifests/latest?serial=1`],
  ['GET', `/blobs/${digestOf(layer)}`],
  ['HEAD', `/blobs/${digestOf(layer)}`],
  ['GET', `/blobs/${digestOf(layer)}?mirrorlist`],
  ['GET', `/referrers/${digest}`],
  ['GET', `/referrers/${digest}?artifactType=a/b`],
] as const;

type Seen = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

async function seen(response: Response, name = 'nothing of this name'): Promise<Seen> {
  const { date: _, ...headers } = Object.fromEntries(
    response.headers.entries().map(([header, value]) => [header, value.replaceAll(name, 'NAME')]),
  );
  const body = (await response.text()).replaceAll(name, 'NAME');
  return { status: response.status, headers, body };
}

/** How a private repository is answered about, beside one that is not there. */
function shown(secret: Seen, unknown: Seen): string {
  if (isDeepStrictEqual(secret, unknown)) return secret.status === 401 ? 'refused' : 'hidden';
  const { status, headers } = secret;
  return `${status}, ${/^private|^no-store/.test(headers['cache-control'] ?? '') ? 'kept by no shared cache' : 'shared'}`;
}

/** A list, with how it may be kept, or why there is none. */
function listed({ status, headers }: Seen, names: readonly string[] | undefined) {
  const kept = `${headers['cache-control']}, for whom ${headers['vary']} says`;
  return names === undefined ? [status, undefined] : [status, names, kept];
}

const ASKED = [401, `Bearer realm="${ISSUER}/token",service="${SERVICE}"`];
const PRIVATELY = 'private, no-cache, for whom Authorization says';
const PUBLIC_ALONE = {
  named: [200, 'hidden', 404],
  catalogue: [200, [PUBLIC], PRIVATELY],
  page: ['One repository', false],
  ofRepository: ['hidden', 404],
};
const EXPECTED = {
  reader: {
    named: [200, '200, kept by no shared cache', 404],
    base: [200, undefined],
    catalogue: [200, [SECRET, PUBLIC], PRIVATELY],
    page: ['2 repositories', true],
    ofRepository: [200, 404],
  },
  known: { ...PUBLIC_ALONE, base: [200, undefined] },
  anybody: { ...PUBLIC_ALONE, base: ASKED },
  refused: {
    named: [401, 'refused', 401],
    base: [401, `${ASKED[1]},error="invalid_token"`],
    catalogue: [401, undefined],
    page: [undefined, false],
    ofRepository: ['refused', 401],
  },
};

test.each(CREDENTIALS)('%s: each route answers as it should', async (credential, headersOf, allows) => {
  const headers = await headersOf();
  const place = CREDENTIALS.findIndex(([name]) => name === credential);
  let asked = 0;
  const get = async (target: string, name?: string, method = 'GET') => {
    headers.set('X-Forwarded-For', `10.0.${place}.${++asked}`); // who guesses is slowed down
    return seen(await ask(shared, target, { headers, method }), name);
  };
  const expected = EXPECTED[allows];

  for (const [method, rest] of NAMED) {
    const open = await get(`/v2/${PUBLIC}${rest}`, PUBLIC, method);
    const secret = await get(`/v2/${SECRET}${rest}`, SECRET, method);
    const unknown = await get(`/v2/${UNKNOWN}${rest}`, UNKNOWN, method);
    const answers = [open.status, shown(secret, unknown), unknown.status];
    expect([method, rest, ...answers]).toEqual([method, rest, ...expected.named]);
  }
  const catalogue = await get('/v2/_catalog');
  const { repositories } = JSON.parse(catalogue.body) as { repositories?: string[] };
  expect(listed(catalogue, repositories)).toEqual(expected.catalogue);
  const searches = [await get('/v1/search?q=secret'), await get('/v1/search?q=public')] as const;
  const found = searches.map(({ status, body }) =>
    status === 200 ? (JSON.parse(body) as { results: { name: string }[] }).results : undefined,
  );
  const foundNames = found.flatMap((results = []) => results.map(({ name }) => name));
  for (const search of searches) {
    const names = search.status === 200 ? foundNames : undefined;
    expect(listed(search, names)).toEqual(expected.catalogue);
  }
  const page = await get('/');
  const [counted] = /One repository|\d+ repositories/.exec(page.body) ?? [];
  expect([counted, page.body.includes(SECRET)]).toEqual(expected.page);
  const ofSecret = await get(`/?repository=${SECRET}`, SECRET);
  const ofUnknown = await get(`/?repository=${UNKNOWN}`, UNKNOWN);
  const known = ofSecret.status === 200 ? 200 : shown(ofSecret, ofUnknown);
  expect([known, ofUnknown.status]).toEqual(expected.ofRepository);
  const pageFound = await get('/?q=secret');
  expect(pageFound.body.includes(`>${SECRET}<`)).toBe(expected.page[1]);
  // What names no repository is the same for all, and so is what is answered without a look at the tree.
  expect((await get('/mirrors')).status).toBe(200);
  expect((await get('/v1/_ping')).status).toBe(expected.catalogue[0]);
  for (const malformed of ['/v2/corp/Secret/tags/list', `/v2/${SECRET}/manifests/sha256:1`])
    expect([malformed, (await get(malformed)).status]).toEqual([malformed, 400]);
  expect((await get(`/v2/${SECRET}/manifests/latest`, SECRET, 'PUT')).status).toBe(405);
  const base = await get('/v2/');
  expect([base.status, base.headers['www-authenticate']]).toEqual(expected.base);
});

test('a certificate in a header counts for nothing where no trusted proxy has put it there', async () => {
  await using crane = await start({}, ['192.0.2.1']);
  const headers = certificate({ [CONTENT]: '/content/corp/secret' });
  expect((await ask(crane, `/v2/${SECRET}/tags/list`, { headers })).status).toBe(404);
});

test('who has to log in at names is asked for it at those that are hidden and at those that are not there', async () => {
  await using crane = await start({ challenge: ['base', 'names'] });
  const answers = await Promise.all(
    [SECRET, UNKNOWN, 'elsewhere/x', PUBLIC].map(async (name) =>
      seen(await ask(crane, `/v2/${name}/manifests/latest`), name),
    ),
  );
  expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 200]);
  expect(answers[0]?.headers['www-authenticate']).toBe(
    `Bearer realm="${ISSUER}/token",service="${SERVICE}",scope="repository:NAME:pull"`,
  );
  const headers = await token({ access: [] });
  expect((await ask(crane, `/v2/${SECRET}/manifests/latest`, { headers })).status).toBe(404);
});

test('who guesses passwords is slowed down, and others are not', async () => {
  await using crane = await start();
  const guess = (address: string) => {
    const headers = basic('alice', 'guess');
    headers.set('X-Forwarded-For', address);
    return ask(crane, '/v2/', { headers });
  };
  const answers: number[] = [];
  while (answers.at(-1) !== 429) answers.push((await guess('198.51.100.1')).status);
  expect(answers.length).toBeGreaterThan(50);
  expect((await guess('198.51.100.2')).status).toBe(401);
});

test('htpasswd is read again when it has changed', async () => {
  const file = path.join(folder.path, 'changing');
  await writeFile(file, `alice:${HASHES.old}\n`);
  await using crane = await start({ htpasswdFile: file });
  const status = async (password: string) =>
    (await ask(crane, `/v2/${SECRET}/tags/list`, { headers: basic('alice', password) })).status;
  expect(await status('old')).toBe(200);
  await writeFile(file, `alice:${HASHES.new}\n`);
  await until('the new password to be known', async () => (await status('new')) === 200);
  expect(await status('old')).toBe(401);
});
