import { createHmac, createSign, KeyObject } from 'node:crypto';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import {
  type Authenticator,
  type IssuersOptions,
  type OidcConfiguration,
  openIssuers,
} from '@gantry/service';
import { exportJWK, exportSPKI } from 'jose';
import { AUDIENCE, type Issuer, type IssuerKey, makeIssuerKey, startIssuer } from '../servers/issuer.ts';
import { makeAuthority } from '../servers/certificates.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';

const HOUR = 3600;
const seconds = () => Math.floor(Date.now() / 1000);

let issuer: Issuer;
let refused: unknown[];
beforeEach(async () => {
  issuer = await startIssuer();
  refused = [];
});
afterEach(() => issuer[Symbol.asyncDispose]());

function open(
  changed: Partial<OidcConfiguration> = {},
  options: Partial<IssuersOptions> = {},
): Promise<Authenticator> {
  const log = { info: (fields: object) => refused.push((fields as { why: unknown }).why) };
  return openIssuers(
    [
      {
        name: 'oidc',
        issuer: issuer.issuer,
        audience: [AUDIENCE],
        algorithms: ['RS256', 'ES256', 'EdDSA'],
        clockToleranceMs: 30_000,
        nameClaim: 'sub',
        groupsClaim: 'groups',
        scopes: [
          { claim: 'groups', value: 'release', scopes: ['promote:stable', 'read'] },
          { claim: 'realm_access.roles', value: 'admin', scopes: ['admin'] },
          { claim: 'scope', value: 'gantry:read', scopes: ['read'] },
        ],
        ...changed,
      },
    ],
    { log, now: () => new Date(), ...options },
  );
}

/** RSA keys are the ones whose public half was taken for a secret; they take long to be made. */
async function useRsaKey(): Promise<IssuerKey> {
  const key = await makeIssuerKey('RS256');
  issuer.keys.splice(0, 1, key);
  return key;
}

const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const claims = () => ({
  iss: issuer.issuer,
  aud: AUDIENCE,
  sub: 'intruder',
  exp: seconds() + 300,
  groups: ['release'],
});

describe('a JWT of an issuer', () => {
  test.each(['RS256', 'ES256', 'EdDSA'])('signed by %s shows who calls', async (alg) => {
    issuer.keys.splice(0, 1, await makeIssuerKey(alg));
    const token = await issuer.sign({ groups: ['release', 'staff'] });
    expect(await (await open()).identify(`Bearer ${token}`)).toEqual({
      name: 'oidc:robot',
      scopes: ['promote:stable', 'read'],
      groups: ['release', 'staff'],
    });
  });

  test.each([
    [{ realm_access: { roles: ['x', 'admin'] } }, ['admin']],
    [{ scope: 'openid gantry:read' }, ['read']],
    [{ scope: 'gantry:readmore' }, []],
    [{ groups: 'release' }, ['promote:stable', 'read']],
    [{ groups: { release: true } }, []],
    [{}, []],
  ])('%j allows %j', async (more, scopes) => {
    const identity = await (await open()).identify(`Bearer ${await issuer.sign(more)}`);
    expect(identity?.scopes).toEqual(scopes);
  });

  test.each(['at+jwt', 'application/at+jwt', 'JWT', undefined])('may be of the type %s', async (typ) => {
    expect(await (await open()).identify(`Bearer ${await issuer.sign({}, { typ })}`)).toBeDefined();
  });

  test('may be off by a clock within the tolerance', async () => {
    const authenticator = await open();
    const late = await issuer.sign({ exp: seconds() - 20 });
    const early = await issuer.sign({ nbf: seconds() + 20 });
    expect(await authenticator.identify(`Bearer ${late}`)).toBeDefined();
    expect(await authenticator.identify(`Bearer ${early}`)).toBeDefined();
  });

  test('is known by keys that were asked for once', async () => {
    const authenticator = await open();
    const token = await issuer.sign();
    await Promise.all(Array.from({ length: 20 }, () => authenticator.identify(`Bearer ${token}`)));
    await authenticator.identify(`Bearer ${token}`);
    expect(issuer.requests).toEqual(['/realms/test/.well-known/openid-configuration', '/realms/test/keys']);
  });

  test('over TLS by an authority of its own', async () => {
    await using folder = await temporaryFolder('issuer');
    const authority = makeAuthority('issuer authority');
    await using secure = await startIssuer(authority.issue('issuer'));
    const caFile = path.join(folder.path, 'ca.pem');
    await writeFile(caFile, authority.cert);
    const token = await secure.sign();
    const known = await open({ issuer: secure.issuer, caFile });
    expect((await known.identify(`Bearer ${token}`))?.name).toBe('oidc:robot');
    const unknown = await open({ issuer: secure.issuer });
    await expect(unknown.identify(`Bearer ${token}`)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});

describe('attacks: nobody is whom a token names that', () => {
  const attacks: Readonly<Record<string, () => Promise<string> | string>> = {
    'has alg none': () => `${base64({ alg: 'none', typ: 'JWT' })}.${base64(claims())}.`,
    'has alg None, and a signature of something else': async () => {
      const [, , signature] = (await issuer.sign()).split('.');
      return `${base64({ alg: 'None' })}.${base64(claims())}.${signature}`;
    },
    "is signed by HS256 with the issuer's public key as the secret": async () => {
      const { kid, publicKey } = await useRsaKey();
      const text = `${base64({ alg: 'HS256', kid, typ: 'JWT' })}.${base64(claims())}`;
      return `${text}.${createHmac('sha256', await exportSPKI(publicKey))
        .update(text)
        .digest('base64url')}`;
    },
    "is signed by HS256 with the issuer's JWK as the secret": async () => {
      const { kid, publicKey } = await useRsaKey();
      const text = `${base64({ alg: 'HS256', kid })}.${base64(claims())}`;
      const secret = JSON.stringify(await exportJWK(publicKey));
      return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
    },
    'brings its key in the header jwk': async () => {
      const own = await makeIssuerKey();
      return issuer.sign({}, { jwk: await exportJWK(own.publicKey) }, own);
    },
    "brings its key in the header jwk, under the issuer's kid": async () => {
      const own = await makeIssuerKey('ES256', issuer.keys[0]?.kid);
      return issuer.sign({}, { jwk: await exportJWK(own.publicKey) }, own);
    },
    'brings a certificate in the header x5c': async () => {
      const own = await makeIssuerKey();
      const pem = makeAuthority('own').cert;
      return issuer.sign({}, { x5c: [pem.replaceAll(/-----.*-----|\n/g, '')] }, own);
    },
    'has a kid that is a path': async () => {
      const own = await makeIssuerKey('ES256', '../../../../../../etc/passwd');
      return issuer.sign({}, {}, own);
    },
    'has a kid that is no text': async () => issuer.sign({}, { kid: { $ne: null } }),
    "is signed by another key, under the issuer's kid": async () =>
      issuer.sign({}, {}, await makeIssuerKey('ES256', issuer.keys[0]?.kid)),
    'was changed after it was signed': async () => {
      const [header, , signature] = (await issuer.sign()).split('.');
      return `${header}.${base64(claims())}.${signature}`;
    },
    'has no exp': () => issuer.sign({ exp: undefined }),
    'has an exp that is text': () => issuer.sign({ exp: '9999999999' }),
    'has no aud': () => issuer.sign({ aud: undefined }),
    'has the aud of another': () => issuer.sign({ aud: ['other', 'gantry2'] }),
    'has no iss': () => issuer.sign({ iss: undefined }),
    'has the iss of another': () => issuer.sign({ iss: 'https://issuer.example.org' }),
    'has an iss with a slash more': () => issuer.sign({ iss: `${issuer.issuer}/` }),
    'is not valid yet': () => issuer.sign({ nbf: seconds() + 300 }),
    'has expired': () => issuer.sign({ exp: seconds() - 60 }),
    'is of a clock that is an hour behind': () =>
      issuer.sign({ iat: seconds() - HOUR, exp: seconds() - HOUR + 300 }),
    'is of a clock that is an hour ahead': () =>
      issuer.sign({ iat: seconds() + HOUR, nbf: seconds() + HOUR, exp: seconds() + HOUR + 300 }),
    'was made for logging out': () => issuer.sign({}, { typ: 'logout+jwt' }),
    'has an extension that must be understood': async () => {
      const { kid, privateKey } = await useRsaKey();
      const text = `${base64({ alg: 'RS256', kid, crit: ['urn:x'], 'urn:x': 1 })}.${base64(claims())}`;
      const signer = createSign('RSA-SHA256').update(text);
      return `${text}.${signer.sign(KeyObject.from(privateKey)).toString('base64url')}`;
    },
    'is signed by an algorithm that is not named': async () => {
      const key = await makeIssuerKey('ES512');
      issuer.keys.push(key);
      return issuer.sign({}, {}, key);
    },
    'names nobody': () => issuer.sign({ sub: undefined }),
    'has a name with a blank, which a key is put together with': () => issuer.sign({ sub: 'ci build-1' }),
    'has a name with a line break': () => issuer.sign({ sub: 'ci\nadmin' }),
    'has a name that is none': () => issuer.sign({ sub: { name: 'admin' } }),
    'is nothing': () => 'a.b.c',
  };

  test.each(Object.keys(attacks))('%s', async (name) => {
    const authenticator = await open();
    const token = await attacks[name]?.();
    expect(await authenticator.identify(`Bearer ${token}`)).toBeUndefined();
    // The same issuer's own tokens are known all the same.
    expect(await authenticator.identify(`Bearer ${await issuer.sign()}`)).toBeDefined();
    expect(refused.every((why) => typeof why === 'string' && why.length > 0)).toBe(true);
  });

  test.each(['jku', 'x5u'])('says by %s where its key is: nobody looks there', async (member) => {
    const own = await makeIssuerKey();
    const asked: unknown[] = [];
    const elsewhere = createServer(async (request, response) => {
      asked.push(request.url);
      response.end(JSON.stringify({ keys: [{ ...(await exportJWK(own.publicKey)), kid: own.kid }] }));
    }).listen(0, '127.0.0.1');
    await once(elsewhere, 'listening');
    try {
      const { port } = elsewhere.address() as AddressInfo;
      const token = await issuer.sign({}, { [member]: `http://127.0.0.1:${port}/keys` }, own);
      expect(await (await open()).identify(`Bearer ${token}`)).toBeUndefined();
      expect(asked).toEqual([]);
    } finally {
      elsewhere.close();
    }
  });

  test.each([
    undefined,
    '',
    'Bearer',
    'Bearer gty_0123456789abcdef_secret',
    'Bearer a.b',
    'Bearer a.b.c.d.e',
    'Basic YTpi',
  ])('%j is no JWT, so no issuer is asked', async (header) => {
    expect(await (await open()).identify(header)).toBeUndefined();
    expect(issuer.requests).toEqual([]);
  });

  test('is of another issuer: none is asked', async () => {
    const token = await issuer.sign({ iss: 'https://issuer.example.org' });
    expect(await (await open()).identify(`Bearer ${token}`)).toBeUndefined();
    expect(issuer.requests).toEqual([]);
  });
});

describe('keys', () => {
  test('that are new are asked for when a token names one, but not for each token', async () => {
    const authenticator = await open({}, { cooldownMs: 60_000 });
    await authenticator.identify(`Bearer ${await issuer.sign()}`);
    const key = await makeIssuerKey();
    issuer.keys.push(key);
    const token = await issuer.sign({}, {}, key);
    for (let times = 0; times < 5; times++)
      expect(await authenticator.identify(`Bearer ${token}`)).toBeUndefined();
    expect(issuer.requests).toHaveLength(2);
    const patient = await open({}, { cooldownMs: 0 });
    await patient.identify(`Bearer ${await issuer.sign()}`);
    issuer.keys.push(await makeIssuerKey());
    expect(await patient.identify(`Bearer ${await issuer.sign({}, {}, issuer.keys.at(-1))}`)).toBeDefined();
  });

  test('are where the configuration says, if it does: nothing is discovered', async () => {
    const authenticator = await open({ jwksUri: issuer.jwksUri });
    expect(await authenticator.identify(`Bearer ${await issuer.sign()}`)).toBeDefined();
    expect(issuer.requests).toEqual(['/realms/test/keys']);
  });
});

describe('an issuer that does not tell its keys: never a yes, and no no', () => {
  const unavailable = {
    code: 'UNAVAILABLE',
    message: expect.stringContaining('the issuer http://127.0.0.1:'),
  };

  test.each([404, 500, 503])('answers %i', async (status) => {
    const authenticator = await open();
    issuer.answerBy((_, response) => response.writeHead(status).end());
    await expect(authenticator.identify(`Bearer ${await issuer.sign()}`)).rejects.toMatchObject(unavailable);
  });

  test.each([
    ['nothing', ''],
    ['null', 'null'],
    ['a list', '[]'],
    ['half a map', '{'],
    ['keys that are no list', '{"keys":{}}'],
    ['a key that is none', '{"keys":[null]}'],
    ['2 MB', JSON.stringify({ keys: [{ kid: 'x'.repeat(2_000_000) }] })],
  ])('answers %s', async (_name, body) => {
    const authenticator = await open({ jwksUri: issuer.jwksUri });
    issuer.answerBy((_, response) => response.end(body));
    await expect(authenticator.identify(`Bearer ${await issuer.sign()}`)).rejects.toMatchObject(unavailable);
  });

  test('leads elsewhere', async () => {
    await using other = await startIssuer();
    const authenticator = await open({ jwksUri: issuer.jwksUri });
    issuer.answerBy((_, response) => response.writeHead(302, { Location: other.jwksUri }).end());
    await expect(authenticator.identify(`Bearer ${await issuer.sign()}`)).rejects.toMatchObject(unavailable);
    expect(other.requests).toEqual([]);
  });

  test('has a discovery document of another, or one that names keys beyond loopback without TLS', async () => {
    const token = await issuer.sign();
    issuer.answerBy((_, response) =>
      response.end(JSON.stringify({ issuer: 'https://other.example.org', jwks_uri: issuer.jwksUri })),
    );
    await expect((await open()).identify(`Bearer ${token}`)).rejects.toMatchObject({
      cause: { message: expect.stringContaining('is that of "https://other.example.org"') },
    });
    issuer.answerBy(undefined);
    issuer.jwksUri = 'http://issuer.example.org/keys';
    await expect((await open()).identify(`Bearer ${token}`)).rejects.toMatchObject({
      cause: { message: expect.stringContaining('is plain http beyond loopback') },
    });
  });

  test('never answers: the request ends in time, and the next one does not wait for it', async () => {
    const authenticator = await open({}, { timeoutMs: 100 });
    issuer.answerBy(() => undefined);
    const token = await issuer.sign();
    await expect(authenticator.identify(`Bearer ${token}`)).rejects.toMatchObject(unavailable);
    await expect(authenticator.identify(`Bearer ${token}`)).rejects.toMatchObject(unavailable);
    expect(issuer.requests).toHaveLength(1);
  });

  test('is down at first, and known once it is back', async () => {
    const authenticator = await open({}, { retryMs: 0 });
    const token = await issuer.sign();
    await issuer.stop();
    await expect(authenticator.identify(`Bearer ${token}`)).rejects.toMatchObject(unavailable);
    await issuer.start();
    expect(await authenticator.identify(`Bearer ${token}`)).toBeDefined();
  });

  test('goes down later: keys that are known stay good, whatever kids come by', async () => {
    const authenticator = await open({}, { retryMs: 0, cooldownMs: 0 });
    const token = await issuer.sign();
    expect(await authenticator.identify(`Bearer ${token}`)).toBeDefined();
    await issuer.stop();
    const unknown = await issuer.sign({}, {}, await makeIssuerKey());
    await expect(authenticator.identify(`Bearer ${unknown}`)).rejects.toMatchObject(unavailable);
    expect(await authenticator.identify(`Bearer ${token}`)).toBeDefined();
  });
});
