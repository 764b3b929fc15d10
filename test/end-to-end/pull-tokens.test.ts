import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { openPullTokens, type VerifyPull } from '@gantry/service';
import { decodeJwt } from 'jose';
import { freePort } from '../servers/free-port.ts';
import { GANTRY_BIN } from '../servers/gantry.ts';
import { needs } from '../servers/parts.ts';
import { type ServerProcess, startProcess } from '../servers/process.ts';
import { BASE, people, READER, type Slapd, startSlapd } from '../servers/slapd.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';
import { until } from '../servers/until.ts';
import { withoutGantry } from './engines-world.ts';

/** `/token` of the promote service, asked as distribution's token protocol has it: by GET, and by POST as OAuth2 has it. */

const PASSWORDS = { alice: 'through the looking glass', bob: 'can we fix: it? ✓' };
/** `htpasswd -nbB -C 4 carol right` */
const HTPASSWD = 'carol:$2y$04$qwTBjz1vOMJfho20.hn3T.1q2IMpGQbilb26Z.2veZxfnBWw/Itqi\n';
const ALL = ['corp/secret', 'corp/tools/hammer', 'open/app'] as const;

const opened = new AsyncDisposableStack();
let slapd: Slapd;
let service: ServerProcess;
let verify: VerifyPull;
let url = '';
const real = needs('slapd').showing(() => [slapd, service].filter((one) => one !== undefined));

real.beforeAll(async () => {
  const folder = opened.use(await temporaryFolder('pull-tokens')).path;
  slapd = opened.use(
    await startSlapd({ entries: people(PASSWORDS, { release: ['alice'], staff: ['alice', 'bob'] }) }),
  );
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const listen = `127.0.0.1:${await freePort()}`;
  const configuration = {
    tree: { filesystem: { root: './data/tree' } },
    api: {
      listen,
      tokens: [{ name: 'ci', token: 'a-token-of-ci', scopes: ['read'] }],
      ldap: {
        url: slapd.url,
        bindDn: READER.dn,
        bindPassword: READER.password,
        users: { base: `ou=people,${BASE}` },
        groups: { base: `ou=groups,${BASE}` },
        scopes: { staff: ['read'] },
      },
      trustedProxies: ['127.0.0.0/8'],
      pullTokens: { service: 'registry', issuer: 'gantry', keyFile: './tokens.key', ttl: '2m' },
    },
    crane: {
      private: {
        repositories: ['corp/**'],
        htpasswdFile: './htpasswd',
        readers: [
          { groups: ['staff'], repositories: ['corp/tools/**'] },
          { users: ['ldap:alice', 'ci', 'carol'], repositories: ['corp/secret'] },
        ],
      },
    },
  };
  const files = {
    htpasswd: HTPASSWD,
    'tokens.key': privateKey.export({ type: 'pkcs8', format: 'pem' }),
    'gantry.yaml': JSON.stringify(configuration),
    'tokens.pub': publicKey.export({ type: 'spki', format: 'pem' }),
  };
  for (const [name, text] of Object.entries(files))
    await writeFile(path.join(folder, name), text, { mode: 0o600 });
  service = opened.use(
    await startProcess({
      name: 'gantry serve promote',
      command: process.execPath,
      args: [GANTRY_BIN, 'serve', 'promote', '--config', path.join(folder, 'gantry.yaml')],
      cwd: folder,
      env: withoutGantry(),
      ready: async () => (await fetch(`http://${listen}/readyz`)).ok,
    }),
  );
  url = `http://${listen}/token`;
  verify = await openPullTokens({
    realm: url,
    service: 'registry',
    issuer: 'gantry',
    keyFiles: [path.join(folder, 'tokens.pub')],
    clockToleranceMs: 0,
  });
}, 60_000);
real.afterAll(() => opened.disposeAsync(), 60_000);

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: {
    readonly token?: string;
    readonly access_token?: string;
    readonly scope?: string;
    readonly error?: string;
    readonly errors?: readonly { readonly code: string; readonly message: string }[];
  };
}

const scope = (name: string, actions = 'pull') => `repository:${name}:${actions}`;
const EVERYTHING = ALL.map((name) => scope(name)).join(' ');

async function read(response: Response): Promise<Answer> {
  expect(response.headers.get('cache-control')).toBe('no-store');
  const { status, headers } = response;
  return { status, headers, body: (await response.json()) as Answer['body'] };
}

async function get(user?: string, password = '', query: Readonly<Record<string, string>> = {}) {
  const asked = new URLSearchParams({ service: 'registry', scope: EVERYTHING, ...query });
  const credentials = Buffer.from(`${user}:${password}`).toString('base64');
  const headers = user === undefined ? {} : { Authorization: `Basic ${credentials}` };
  return read(await fetch(`${url}?${asked.toString()}`, { headers }));
}

async function post(form: Readonly<Record<string, string>>) {
  return read(await fetch(url, { method: 'POST', body: new URLSearchParams(form) }));
}

/** As a proxy asks for a client. */
async function getBehindProxy(client: string, user: string, password: string) {
  const credentials = Buffer.from(`${user}:${password}`).toString('base64');
  const headers = { Authorization: `Basic ${credentials}`, 'X-Forwarded-For': client };
  return read(await fetch(`${url}?service=registry`, { headers }));
}

async function postAs(user: string, password: string, form: Readonly<Record<string, string>> = {}) {
  const asked = { grant_type: 'password', service: 'registry', client_id: 'docker', scope: EVERYTHING };
  return post({ ...asked, username: user, password, ...form });
}

/** What a token lets its holder pull, as a crane finds it. */
async function pullable({ status, body }: Answer): Promise<readonly string[]> {
  expect([status, body.access_token]).toEqual([200, body.token]);
  const found = await verify(body.token ?? '', new Date());
  if (typeof found === 'string') throw new Error(found);
  expect(body.scope).toBe([...found.repositories].map((name) => scope(name)).join(' '));
  return [...found.repositories];
}

const READERS: readonly (readonly [string, string, string, readonly string[]])[] = [
  ['a user of the directory whom a rule names', 'alice', PASSWORDS.alice, ALL],
  ['a member of a group', 'bob', PASSWORDS.bob, ['corp/tools/hammer', 'open/app']],
  ['a user of htpasswd', 'carol', 'right', ['corp/secret', 'open/app']],
  ['the name of a token of the API, and the token', 'ci', 'a-token-of-ci', ['corp/secret', 'open/app']],
];
for (const [who, user, password, repositories] of READERS) {
  real.test(`${who} gets a token for what they may pull, by GET and by POST`, async () => {
    expect(await pullable(await get(user, password))).toEqual(repositories);
    expect(await pullable(await postAs(user, password))).toEqual(repositories);
  });
}

real.test('nobody gets a token for what is public; it says whose it is, for whom, and how long', async () => {
  const answer = await get();
  expect(await pullable(answer)).toEqual(['open/app']);
  expect(answer.body).toMatchObject({ token_type: 'Bearer', expires_in: 120 });
  const { exp = 0, iat = 0, ...claims } = decodeJwt(answer.body.token ?? '');
  expect([claims.iss, claims.aud, claims.sub, exp - iat]).toEqual(['gantry', 'registry', '', 120]);
  const { body } = await get('bob', PASSWORDS.bob);
  expect(decodeJwt(body.token ?? '').sub).toBe('ldap:bob');
});

/** What nobody is granted of these scopes. */
async function granted(...scopes: string[]): Promise<readonly string[]> {
  const query = new URLSearchParams(scopes.map((one) => ['scope', one]));
  return pullable(await read(await fetch(`${url}?${query.toString()}`)));
}

real.test('scopes are narrowed to pulling repositories, and what is none grants nothing', async () => {
  expect(await granted(scope('open/app', 'push,pull'), scope('open/other', '*'))).toEqual([
    'open/app',
    'open/other',
  ]);
  expect(await granted(scope('open/app', 'push'), scope('open/app', 'delete'))).toEqual([]);
  expect(await granted('registry:catalog:*', 'repository:Open/App:pull', 'repository:a:b:pull', '')).toEqual(
    [],
  );
  expect(await granted()).toEqual([]);
});

async function refusal(answer: Promise<Answer>) {
  const { status, body } = await answer;
  return [status, body.error, body.errors?.[0]?.message];
}

real.test('wrong credentials are refused, and so is what is not offered; each is told which', async () => {
  const wrong = await get('alice', 'wrong');
  expect([wrong.status, wrong.body.error]).toEqual([401, 'invalid_client']);
  expect(wrong.headers.get('www-authenticate')).toMatch(/^Basic realm=/);
  const bearer = await fetch(url, { headers: { Authorization: 'Bearer a-token-of-ci' } });
  expect(bearer.status).toBe(401);
  for (const [user, password] of [
    ['bob', 'wrong'],
    ['nobody', 'right'],
    ['alice', ''],
    ['carol', 'a-token-of-ci'],
  ] as const)
    expect([user, (await postAs(user, password)).status]).toEqual([user, 401]);

  const elsewhere = { service: 'other.example.org' };
  const notHere = [400, 'invalid_target', 'tokens for this service are not made here'];
  expect(await refusal(get('alice', PASSWORDS.alice, elsewhere))).toEqual(notHere);
  expect(await refusal(postAs('alice', PASSWORDS.alice, elsewhere))).toEqual(notHere);
  const byPassword = [400, 'unsupported_grant_type', 'tokens are granted by password alone'];
  for (const grant_type of ['refresh_token', 'authorization_code', ''])
    expect(await refusal(post({ grant_type, refresh_token: 'x', service: 'registry' }))).toEqual(byPassword);
  const incomplete = [400, 'invalid_request', 'a form with grant_type, username and password is needed'];
  expect(await refusal(post({ username: 'alice', password: PASSWORDS.alice }))).toEqual(incomplete);
  expect(await refusal(post({ grant_type: 'password', username: 'alice' }))).toEqual(incomplete);
  expect(await refusal(postAs('alice', 'x'.repeat(20_000)))).toEqual(incomplete);
  const json = fetch(url, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}' });
  expect(await refusal(json.then(read))).toEqual(incomplete);
  expect((await fetch(url, { method: 'PUT' })).status).toBe(405);
});

real.test('while the directory is away its users are told to come again, and others get tokens', async () => {
  await slapd.stop();
  const { status, body } = await get('bob', 'another password');
  expect([status, body.errors?.[0]?.code]).toEqual([503, 'UNAVAILABLE']);
  expect(await pullable(await get('carol', 'right'))).toEqual(['corp/secret', 'open/app']);
  await slapd.start();
  await until('the directory', async () => (await get('bob', PASSWORDS.bob)).status === 200);
});

real.test('who guesses is told to wait, whatever they try then; nobody still gets tokens', async () => {
  const statuses: number[] = [];
  while (!statuses.includes(429)) {
    const guesses = Array.from({ length: 20 }, async (_, number) => get('carol', `guess ${number}`));
    statuses.push(...(await Promise.all(guesses)).map(({ status }) => status));
  }
  expect(statuses.slice(0, 20)).toEqual(Array.from({ length: 20 }, () => 401));
  const slowed = await postAs('carol', 'right');
  expect([slowed.status, slowed.body.error]).toEqual([429, 'slow_down']);
  expect(Number(slowed.headers.get('retry-after'))).toBeGreaterThan(0);
  expect((await get()).status).toBe(200);
});

real.test('who guesses behind a proxy shuts nobody else out', async () => {
  const guess = () => getBehindProxy('198.51.100.7, 192.0.2.1', 'carol', 'guess');
  const statuses: number[] = [];
  while (!statuses.includes(429))
    statuses.push(...(await Promise.all(Array.from({ length: 20 }, guess))).map(({ status }) => status));
  expect(statuses.slice(0, 20)).toEqual(Array.from({ length: 20 }, () => 401));
  // What the client itself wrote into the header makes nobody else of it.
  expect((await getBehindProxy('203.0.113.9, 192.0.2.1', 'carol', 'right')).status).toBe(429);
  expect((await getBehindProxy('192.0.2.2', 'carol', 'right')).status).toBe(200);
});

real.test('no password and no token stands in the log', async () => {
  await until('the log of the last answers', () => service.log().includes('"status":429'));
  for (const secret of [...Object.values(PASSWORDS), 'a-token-of-ci', 'eyJ'])
    expect(service.log()).not.toContain(secret);
});
