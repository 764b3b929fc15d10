import { type GantryApi, openApi, type Problem, type Work } from '../clients/gantry-api.ts';
import { CANDIDATES, everyKind, fill } from '../fixtures/build-registry.ts';
import { type DockerRegistry, startDockerRegistry } from '../servers/docker-registry.ts';
import { freePort } from '../servers/free-port.ts';
import {
  embeddedConfiguration,
  GANTRY_BIN,
  type Gantry,
  startGantry,
  writeConfiguration,
} from '../servers/gantry.ts';
import { AUDIENCE, type Issuer, makeIssuerKey, startIssuer } from '../servers/issuer.ts';
import { needs } from '../servers/parts.ts';
import { type ServerProcess, startProcess } from '../servers/process.ts';
import { BASE, people, READER, type Slapd, startSlapd } from '../servers/slapd.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';
import { withoutGantry } from './engines-world.ts';

/** Who may do what: by groups of a directory, by claims of an issuer, by tokens that are made; on two processes. */
interface Parts {
  readonly registry: DockerRegistry;
  readonly slapd: Slapd;
  readonly issuer: Issuer;
  readonly gantry: Gantry;
  /** A second API process on the same catalog. */
  readonly second: ServerProcess;
  readonly other: GantryApi;
}

const parts = new AsyncDisposableStack();
let world: Parts;
const real = needs('docker-registry', 'slapd').showing(() => [
  world?.registry,
  world?.slapd,
  world?.gantry,
  world?.second,
]);

const PASSWORDS = { alice: 'through the looking glass', bob: 'can we fix it' };
const REPOSITORY = 'plain/oci';

real.beforeAll(async () => {
  const folder = parts.use(await temporaryFolder('access')).path;
  const registry = parts.use(await startDockerRegistry());
  await fill(
    registry,
    everyKind().filter(({ name }) => name === `${CANDIDATES}${REPOSITORY}`),
  );
  const slapd = parts.use(
    await startSlapd({ entries: people(PASSWORDS, { release: ['alice'], staff: ['alice', 'bob'] }) }),
  );
  const issuer = parts.use(await startIssuer());
  const embedded = await embeddedConfiguration({
    sources: [{ name: 'builds', registry: registry.url, rename: { from: '^candidate/', to: '' } }],
  });
  const release = ['read', 'promote:testing', 'promote:stable'];
  const configuration = {
    ...embedded,
    api: {
      ...embedded.api,
      oidc: [
        {
          issuer: issuer.issuer,
          audience: AUDIENCE,
          scopes: [
            { claim: 'groups', value: 'release', scopes: release },
            { claim: 'iss', value: issuer.issuer, scopes: ['read'] },
          ],
        },
      ],
      ldap: {
        url: slapd.url,
        bindDn: READER.dn,
        bindPassword: READER.password,
        users: { base: `ou=people,${BASE}` },
        groups: { base: `ou=groups,${BASE}` },
        scopes: { release, staff: ['read'] },
      },
    },
  };
  const gantry = parts.use(await startGantry({ folder, configuration }));
  const listen = `127.0.0.1:${await freePort()}`;
  const second = parts.use(
    await startProcess({
      name: 'gantry serve promote',
      command: process.execPath,
      args: [GANTRY_BIN, 'serve', 'promote', '--config', await writeConfiguration(folder, configuration)],
      cwd: folder,
      env: { ...withoutGantry(), GANTRY_API_LISTEN: listen },
      ready: async () => (await fetch(`http://${listen}/readyz`)).ok,
      readyWithinMs: 90_000,
    }),
  );
  world = { registry, slapd, issuer, gantry, second, other: openApi(`http://${listen}`, '') };
  await gantry.api.sync('builds');
}, 90_000);
real.afterAll(() => parts.disposeAsync(), 60_000);

const basic = (user: keyof typeof PASSWORDS, password: string = PASSWORDS[user]) => ({
  Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
});

async function ask<T>(
  headers: Readonly<Record<string, string>>,
  method = 'GET',
  place = '/api/v1/whoami',
  body?: object,
) {
  return world.gantry.api.call<T>(method, place, {
    token: null,
    headers,
    ...(body !== undefined && { body }),
  });
}

const promotion = (to: string) => ({ to, items: [{ repository: REPOSITORY, reference: 'latest' }] });

real.test(
  'who is in the right group of the directory promotes; who is not reads, and is told why not',
  async () => {
    expect((await ask(basic('alice'))).body).toEqual({
      name: 'ldap:alice',
      scopes: ['read', 'promote:testing', 'promote:stable'],
      groups: ['release', 'staff'],
    });
    const { status, body } = await ask<Work>(
      basic('alice'),
      'POST',
      '/api/v1/promotions',
      promotion('testing'),
    );
    expect(status).toBe(202);
    expect(await world.gantry.api.promotionEnded(body.id)).toMatchObject({
      state: 'done',
      requestedBy: 'ldap:alice',
    });
    expect((await ask(basic('bob'), 'GET', '/api/v1/channels')).status).toBe(200);
    const refused = await ask<Problem>(basic('bob'), 'POST', '/api/v1/promotions', promotion('testing'));
    expect([refused.status, refused.body.detail]).toEqual([
      403,
      expect.stringContaining('ldap:bob lacks the scope'),
    ]);
    expect((await ask(basic('bob', 'cannot'))).status).toBe(401);
    expect((await ask(basic('bob', ''))).status).toBe(401);
  },
  60_000,
);

real.test(
  "so does who has a token of the issuer with the right claim; a stranger's token is nobody's",
  async () => {
    const { issuer } = world;
    const bearer = async (
      claims: object,
      ...more: [header?: object, key?: Awaited<ReturnType<typeof makeIssuerKey>>]
    ) => ({
      Authorization: `Bearer ${await issuer.sign({ ...claims }, { ...more[0] }, more[1] ?? issuer.keys[0])}`,
    });
    const robot = await bearer({ sub: 'release-robot', groups: ['release'] });
    const { status, body } = await ask<Work>(robot, 'POST', '/api/v1/promotions', promotion('testing'));
    expect(status).toBe(202);
    expect(await world.gantry.api.promotionEnded(body.id)).toMatchObject({
      requestedBy: 'oidc:release-robot',
    });
    const reader = await bearer({ sub: 'reader', groups: ['other'] });
    expect((await ask(reader)).body).toEqual({ name: 'oidc:reader', scopes: ['read'], groups: ['other'] });
    expect((await ask(reader, 'POST', '/api/v1/promotions', promotion('testing'))).status).toBe(403);
    const forged = await bearer(
      { groups: ['release'] },
      {},
      await makeIssuerKey('ES256', issuer.keys[0]?.kid),
    );
    expect((await ask(forged, 'POST', '/api/v1/promotions', promotion('testing'))).status).toBe(401);
  },
  60_000,
);

real.test(
  'a token is made, used at each process, and refused by each from the moment that it is revoked',
  async () => {
    const { gantry, other } = world;
    const made = await gantry.api.call<{ id: string; token: string }>('POST', '/api/v1/tokens', {
      body: { name: 'robot', scopes: ['read'], groups: ['release'] },
    });
    expect(made.status).toBe(201);
    const { id, token } = made.body;
    for (const api of [gantry.api, other]) {
      const { body } = await api.call('GET', '/api/v1/whoami', { token });
      expect(body).toEqual({ name: 'robot', scopes: ['read'], groups: ['release'] });
    }
    expect((await gantry.api.call('DELETE', `/api/v1/tokens/${id}`)).status).toBe(200);
    for (const api of [other, gantry.api])
      expect((await api.call('GET', '/api/v1/whoami', { token })).status).toBe(401);
  },
);

real.test(
  'while the directory or the issuer is down, who is known by it is told to come again, and others go on',
  async () => {
    const { slapd, issuer, other } = world;
    const asked = (headers: Readonly<Record<string, string>>) =>
      other.call<Problem>('GET', '/api/v1/whoami', { token: null, headers });
    const robot = { Authorization: `Bearer ${await issuer.sign()}` };
    await Promise.all([slapd.stop(), issuer.stop()]);
    try {
      for (const headers of [basic('alice'), robot]) {
        const { status, body, headers: answered } = await asked(headers);
        expect([status, body.type]).toEqual([503, 'urn:gantry:problem:unavailable']);
        expect(Number(answered.get('retry-after'))).toBeGreaterThan(0);
      }
      expect((await world.gantry.api.call('GET', '/api/v1/whoami')).status).toBe(200);
    } finally {
      await Promise.all([slapd.start(), issuer.start()]);
    }
    expect((await asked(basic('alice'))).status).toBe(200);
  },
  60_000,
);

real.test('no password and no token stands in a log', async () => {
  const { body } = await world.gantry.api.call<{ token: string }>('POST', '/api/v1/tokens', {
    body: { name: 'secret', scopes: ['read'] },
  });
  await ask({ Authorization: `Bearer ${body.token}` });
  const jwt = await world.issuer.sign({ aud: 'other' });
  await ask({ Authorization: `Bearer ${jwt}` });
  const logs = world.gantry.log() + world.second.log();
  expect(logs).toContain('token.refused');
  const secrets = [...Object.values(PASSWORDS), READER.password, body.token.slice(-43), jwt.slice(-40)];
  expect(secrets.filter((secret) => logs.includes(secret))).toEqual([]);
});
